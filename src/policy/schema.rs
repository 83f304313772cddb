//! The schema of a bundle: one, from any number of files.

use std::collections::HashMap;

use cedar_policy::{Entity, EntityUid, Schema, SchemaFragment};
use serde_json::{Map, Value};

use super::cedar::{self, Excerpt};
use super::diagnostics::{Diagnostic, Severity, SourceText};
use super::limits::{Limits, schema_excess};
use super::weigh::weigh;
use crate::facts::Types;

/// A schema and what was read off it.
#[derive(Debug)]
pub(super) struct SchemaInfo {
    pub(super) schema: Schema,
    pub(super) types: Types,
    pub(super) action_entities: HashMap<EntityUid, Entity>,
}

/// Parses the schema files and joins them; `None` without files, or if one of them is broken.
pub(super) fn read(
    sources: &[&SourceText],
    limits: Limits,
    findings: &mut Vec<Diagnostic>,
) -> Option<SchemaInfo> {
    let fragments: Vec<_> =
        sources.iter().filter_map(|source| fragment(source, limits, findings)).collect();
    if fragments.is_empty() || fragments.len() < sources.len() {
        return None;
    }
    let before = findings.len();
    match joined_json(&fragments) {
        Ok(json) => {
            findings.extend(weigh(&json, limits).into_iter().map(|finding| match sources {
                [only] => finding.in_file(only.name()),
                _ => finding,
            }));
            if findings.len() == before {
                match join(sources, fragments, json) {
                    Ok(info) => return Some(info),
                    Err(finding) => findings.push(*finding),
                }
            }
        }
        Err(message) => findings.push(Diagnostic::error("schema", message)),
    }
    None
}

fn fragment(
    source: &SourceText,
    limits: Limits,
    findings: &mut Vec<Diagnostic>,
) -> Option<SchemaFragment> {
    if let Some((excess, token)) = schema_excess(source.text(), limits) {
        findings.push(excess.diagnostic(limits).at(source, token.span));
        return None;
    }
    let whole = Excerpt { source, span: 0..source.text().len() };
    match SchemaFragment::from_cedarschema_str(source.text()) {
        Ok((fragment, warnings)) => {
            findings.extend(
                warnings.map(|w| cedar::diagnostic("schema", Severity::Warning, &w, &whole)),
            );
            Some(fragment)
        }
        Err(error) => {
            let error: &dyn miette::Diagnostic = &error;
            findings.push(cedar::diagnostic("schema", Severity::Error, error, &whole));
            findings.extend(
                error
                    .related()
                    .into_iter()
                    .flatten()
                    .map(|more| cedar::diagnostic("schema", Severity::Error, more, &whole)),
            );
            None
        }
    }
}

fn join(
    sources: &[&SourceText],
    fragments: Vec<SchemaFragment>,
    json: Map<String, Value>,
) -> Result<SchemaInfo, Box<Diagnostic>> {
    let schema = Schema::from_schema_fragments(fragments)
        .map_err(|error| Box::new(across_files(sources, &error)))?;
    let types = resolved_types(sources, json)
        .map_err(|message| Box::new(Diagnostic::error("schema", message)))?;
    let action_entities = schema
        .action_entities()
        .map_err(|error| Box::new(Diagnostic::error("schema", error.to_string())))?
        .into_iter()
        .map(|entity| (entity.uid(), entity))
        .collect();
    let types = Types::from_schema_json(&types)
        .map_err(|message| Box::new(Diagnostic::error("schema", message)))?;
    Ok(SchemaInfo { schema, types, action_entities })
}

/// An error that arose between files: it is placed in the file whose text it quotes.
fn across_files(sources: &[&SourceText], error: &dyn miette::Diagnostic) -> Diagnostic {
    let quoted = |source: &&&SourceText| {
        let whole = miette::SourceSpan::from((0, source.text().len()));
        let code = error.source_code()?;
        let contents = code.read_span(&whole, 0, 0).ok()?;
        (contents.data() == source.text().as_bytes()).then_some(())
    };
    let source = match sources {
        [only] => Some(only),
        _ => sources.iter().find(|source| quoted(source).is_some()),
    };
    match source {
        Some(source) => {
            let excerpt = Excerpt { source, span: 0..source.text().len() };
            cedar::diagnostic("schema", Severity::Error, error, &excerpt)
        }
        None => Diagnostic::error("schema", error.to_string()),
    }
}

/// The schema as JSON with every type name resolved. Cedar resolves one text only, so that of
/// several files is written anew.
fn resolved_types(sources: &[&SourceText], json: Map<String, Value>) -> Result<Value, String> {
    let joined;
    let text = match sources {
        [only] => only.text(),
        _ => {
            joined = SchemaFragment::from_json_value(Value::Object(json))
                .map_err(|error| error.to_string())?
                .to_cedarschema()
                .map_err(|error| error.to_string())?;
            &joined
        }
    };
    cedar_policy::schema_str_to_json_with_resolved_types(text)
        .map(|(types, _warnings)| types)
        .map_err(|error| error.to_string())
}

/// The files' declarations, joined namespace by namespace; a later one of the same name wins here,
/// and is refused by Cedar.
fn joined_json(fragments: &[SchemaFragment]) -> Result<Map<String, Value>, String> {
    let mut joined = Map::new();
    for fragment in fragments {
        let json = fragment.clone().to_json_value().map_err(|error| error.to_string())?;
        let Value::Object(namespaces) = json else { continue };
        for (name, namespace) in namespaces {
            let into = joined.entry(name).or_insert_with(|| Value::Object(Map::new()));
            join_namespace(into, namespace);
        }
    }
    Ok(joined)
}

fn join_namespace(into: &mut Value, namespace: Value) {
    let (Value::Object(into), Value::Object(namespace)) = (into, namespace) else { return };
    for (section, content) in namespace {
        match (into.get_mut(&section), content) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            (_, content) => {
                into.insert(section, content);
            }
        }
    }
}
