//! The log as lines of JSON, for those who collect logs: `WATCHFIRE_LOG_FORMAT=json`. A line an event: `time`
//! (RFC 3339, UTC), `level`, `target`, `message`, the event's fields by their names, and under `span` what it
//! belongs to, such as a request with its id. Whatever comes from outside is quoted by JSON's own rules, so that no
//! sign of it ends a line or moves a terminal.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events as lines of JSON.
pub struct Lines;

/// Fields of an event.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // A field must not take the place of what every line has.
        let name = match field.name() {
            "time" | "level" | "target" | "span" => format!("field_{}", field.name()),
            name => name.to_owned(),
        };
        self.0.insert(name, value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let mut line = Map::new();
        let now = crate::workspace::now().to_jiff();
        line.insert(
            "time".to_owned(),
            now.map_or(Value::Null, |at| at.to_string().into()),
        );
        let about = event.metadata();
        line.insert(
            "level".to_owned(),
            about.level().as_str().to_lowercase().into(),
        );
        line.insert("target".to_owned(), about.target().into());
        let spans = context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root());
        let spans: Vec<Value> = spans
            .map(|span| {
                let extensions = span.extensions();
                let told = extensions.get::<FormattedFields<N>>();
                let told = told.map_or("", |told| told.fields.as_str());
                Value::from(format!("{} {told}", span.name()).trim_end())
            })
            .collect();
        if !spans.is_empty() {
            line.insert("span".to_owned(), Value::from(spans));
        }
        line.extend(fields.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .expect("nobody panicked")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(Lines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", id = "ab12");
            let _inside = span.enter();
            tracing::warn!(
                login = "x\r\n\u{1b}[31mfake",
                tries = 3,
                level = "none",
                "a \"sign-in\" failed"
            );
        });
        let bytes = kept.0.lock().expect("nobody panicked").clone();
        let text = String::from_utf8(bytes).expect("it is text");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let line: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(line["login"], "x\r\n\u{1b}[31mfake");
        assert_eq!(line["tries"], 3);
        assert_eq!(line["level"], "warn");
        assert_eq!(line["field_level"], "none");
        assert_eq!(line["message"], "a \"sign-in\" failed");
        assert!(
            line["span"][0]
                .as_str()
                .expect("a span")
                .starts_with("request id"),
            "{text}"
        );
    }
}
