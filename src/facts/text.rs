//! Values as Cedar writes them.

use super::cedar::ip_text;
use super::json::decimal_text;
use super::time::{datetime_text, duration_text};
use super::value::{Repr, Value};

/// The expression that comes to a value.
pub(crate) fn cedar_text(value: &Value) -> String {
    match &value.0 {
        Repr::Bool(flag) => flag.to_string(),
        Repr::Long(number) => number.to_string(),
        Repr::String(text) => quoted(text),
        Repr::Entity(uid) => uid.to_string(),
        Repr::Set(elements) => {
            let elements: Vec<String> = elements.iter().map(cedar_text).collect();
            format!("[{}]", elements.join(", "))
        }
        Repr::Record(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", member_name(name), cedar_text(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Repr::Decimal(number) => format!("decimal(\"{}\")", decimal_text(*number)),
        Repr::Ip { address, prefix } => format!("ip(\"{}\")", ip_text(*address, *prefix)),
        Repr::Datetime(ms) => match datetime_text(*ms) {
            Some(text) => format!("datetime(\"{text}\")"),
            // No text names it, and a duration does.
            None => format!("datetime(\"1970-01-01\").offset({})", duration(*ms)),
        },
        Repr::Duration(ms) => duration(*ms),
    }
}

fn duration(ms: i64) -> String {
    format!("duration(\"{}\")", duration_text(ms))
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// A name as it stands in a record and after `has`: quoted unless it is an identifier.
pub(crate) fn member_name(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { quoted(name) }
}

pub(crate) fn is_identifier(name: &str) -> bool {
    const RESERVED: &[&str] =
        &["__cedar", "else", "false", "has", "if", "in", "is", "like", "then", "true"];
    super::is_type_name(name) && !name.contains("::") && !RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_they_are_written() {
        let set = Value::set([Value::from("a\"b"), Value::from(-3)]).unwrap();
        let members = [("n".into(), set), ("has".into(), Value::from(true))];
        let record = Value::record(members.into()).unwrap();
        assert_eq!(cedar_text(&record), r#"{"has": true, n: [-3, "a\"b"]}"#);
        let extensions = [
            (Value::decimal("-1.50"), r#"decimal("-1.5000")"#),
            (Value::ip("10.0.0.0/8"), r#"ip("10.0.0.0/8")"#),
            (Value::datetime("2026-11-30"), r#"datetime("2026-11-30T00:00:00.000Z")"#),
            (Value::duration("1h"), r#"duration("3600000ms")"#),
        ];
        for (value, text) in extensions {
            assert_eq!(cedar_text(&value.unwrap()), text);
        }
    }
}
