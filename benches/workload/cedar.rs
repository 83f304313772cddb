//! The peer: Cedar's own authorizer.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet,
    RestrictedExpression, Schema,
};
use uuid::Uuid;

use super::Question;
use super::rows::InlineDocument;

/// What Cedar's authorizer is asked with.
pub struct Cedar {
    pub schema: Schema,
    pub policies: PolicySet,
    pub entities: Entities,
}

impl Cedar {
    pub fn read(schema: &str, policies: &str, entities: &str) -> Result<Self, Box<dyn Error>> {
        let (schema, _warnings) = Schema::from_cedarschema_str(schema)?;
        Ok(Self {
            policies: PolicySet::from_str(policies)?,
            entities: Entities::from_json_str(entities, Some(&schema))?,
            schema,
        })
    }

    /// The request, checked against the schema.
    pub fn request(&self, asked: &Question) -> Result<cedar_policy::Request, Box<dyn Error>> {
        let mfa = RestrictedExpression::new_bool(asked.context.mfa);
        Ok(cedar_policy::Request::new(
            uid("Contact", &asked.principal)?,
            uid("Action", asked.action.name())?,
            uid("Document", &asked.resource)?,
            Context::from_pairs([("mfa".to_owned(), mfa)])?,
            Some(&self.schema),
        )?)
    }

    pub fn allows(&self, request: &cedar_policy::Request, entities: &Entities) -> bool {
        let response = Authorizer::new().is_authorized(request, &self.policies, entities);
        response.decision() == cedar_policy::Decision::Allow
    }

    /// The entities that this schema's policies can read for a request: principal and resource,
    /// the clients, tenants and kinds that they name, and all their ancestors.
    pub fn slice(&self, request: &cedar_policy::Request) -> Result<Entities, Box<dyn Error>> {
        let ends = [request.principal(), request.action(), request.resource()];
        let mut open: Vec<EntityUid> = ends.into_iter().flatten().cloned().collect();
        let mut slice = HashMap::new();
        while let Some(uid) = open.pop() {
            if slice.contains_key(&uid) {
                continue;
            }
            let Some(entity) = self.entities.get(&uid) else { continue };
            for name in ["client", "kind", "tenant"] {
                if let Some(Ok(cedar_policy::EvalResult::EntityUid(named))) = entity.attr(name) {
                    open.push(named);
                }
            }
            let (_, _, parents) = entity.clone().into_inner();
            open.extend(parents);
            slice.insert(uid, entity.clone());
        }
        Ok(Entities::from_entities(slice.into_values(), None)?)
    }

    /// The same, but for the resource.
    pub fn slice_but_resource(
        &self,
        request: &cedar_policy::Request,
    ) -> Result<Entities, Box<dyn Error>> {
        Ok(self.slice(request)?.remove_entities(request.resource().cloned())?)
    }

    /// Decides about a document that the host keeps, given all else that it takes.
    pub fn allows_inline(
        &self,
        request: &cedar_policy::Request,
        others: &Entities,
        document: &InlineDocument,
    ) -> bool {
        let decide = || -> Result<bool, Box<dyn Error>> {
            let entities = others.clone().add_entities([entity(document)?], None)?;
            Ok(self.allows(request, &entities))
        };
        decide().unwrap_or(false)
    }
}

fn entity(document: &InlineDocument) -> Result<Entity, Box<dyn Error>> {
    let id = |id: u128| Uuid::from_u128(id).to_string();
    let string = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let client = uid("Client", &id(document.client))?;
    let contacts = |ids: &[u128]| -> Result<RestrictedExpression, Box<dyn Error>> {
        let uids: Result<Vec<_>, _> = ids.iter().map(|one| uid("Contact", &id(*one))).collect();
        Ok(RestrictedExpression::new_set(
            uids?.into_iter().map(RestrictedExpression::new_entity_uid),
        ))
    };
    let kind = uid("Kind", document.kind.name())?;
    let attributes = [
        ("client", RestrictedExpression::new_entity_uid(client.clone())),
        ("kind", RestrictedExpression::new_entity_uid(kind)),
        ("level", string(document.level.name())),
        ("state", string(document.state.name())),
        ("amount", RestrictedExpression::new_long(document.amount)),
        ("currency", string(document.currency.name())),
        ("invited", contacts(&document.invited)?),
        ("assigned", contacts(&document.assigned)?),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    let uid = uid("Document", &id(document.id))?;
    Ok(Entity::new(uid, attributes, HashSet::from([client]))?)
}

fn uid(type_name: &str, id: &str) -> Result<EntityUid, Box<dyn Error>> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(type_name)?, EntityId::new(id)))
}
