//! The OpenAPI 3.1 document, made of the table of routes: what is not in the table is not described, and what is
//! described is what the router serves.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::routes::{self, Described, Need, Route, Verb};

/// Places in a path, in their order: `/a/{id}/b/{rest}`.
pub(crate) fn places(path: &str) -> Vec<&str> {
    let parts = path.split('/').filter_map(|part| {
        let inner = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(inner.strip_prefix('*').unwrap_or(inner))
    });
    parts.collect()
}

/// The area of a route: the first part behind the version.
pub(crate) fn area(path: &str) -> &str {
    path.strip_prefix("/api/v1/")
        .and_then(|rest| rest.split('/').next())
        .unwrap_or("service")
}

/// Schemas that several routes share, by name.
#[derive(Default)]
struct Shared {
    schemas: BTreeMap<String, Value>,
}

impl Shared {
    /// Puts a schema and what it defines among the shared ones; what stands in its place.
    fn hoist(&mut self, mut schema: Value) -> Value {
        let Some(object) = schema.as_object_mut() else {
            return schema;
        };
        object.remove("$schema");
        let own = object.remove("$defs");
        let mut names = BTreeMap::new();
        let mut inner = Vec::new();
        if let Some(Value::Object(own)) = own {
            for (name, one) in own {
                let free = self.free(&name, &one);
                names.insert(name, free.clone());
                inner.push((free, one));
            }
        }
        for (name, mut one) in inner {
            self.schemas.insert(name.clone(), one.clone());
            renamed(&mut one, &names);
            self.schemas.insert(name, one);
        }
        renamed(&mut schema, &names);
        let title = schema
            .get("title")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let named = title.filter(|title| {
            schema.get("type").and_then(Value::as_str) == Some("object") && plain(title)
        });
        let Some(name) = named else {
            return schema;
        };
        let name = self.free(&name, &schema);
        self.schemas.insert(name.clone(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// A name that is not taken by something else.
    fn free(&self, name: &str, schema: &Value) -> String {
        let fits = |name: &str| self.schemas.get(name).is_none_or(|there| there == schema);
        let mut free = name.to_owned();
        let mut at = 2;
        while !fits(&free) {
            free = format!("{name}{at}");
            at += 1;
        }
        free
    }
}

fn plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Points references at the shared schemas.
fn renamed(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object.iter_mut() {
                let target = inner
                    .as_str()
                    .and_then(|text| text.strip_prefix("#/$defs/"));
                if key == "$ref"
                    && let Some(target) = target
                {
                    let name = names.get(target).map_or(target, String::as_str);
                    *inner = json!(format!("#/components/schemas/{name}"));
                } else {
                    renamed(inner, names);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|inner| renamed(inner, names)),
        _ => {}
    }
}

/// Fields of a schema of an object: name, whether it is needed, its schema.
pub(crate) fn fields(schema: &Value) -> Vec<(String, bool, Value)> {
    let needed: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, inner)| (name.clone(), needed.contains(&name.as_str()), inner.clone()))
        .collect()
}

fn parameters(route: &Route, described: &Described, shared: &mut Shared) -> Vec<Value> {
    let mut all: Vec<Value> = places(route.path)
        .into_iter()
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": { "type": "string", "minLength": 1 },
            })
        })
        .collect();
    if let Some(query) = &described.query {
        // The definitions go to the shared ones; the fields become parameters.
        let mut query = query.clone();
        if let Some(object) = query.as_object_mut() {
            object.remove("title");
        }
        let query = shared.hoist(query);
        for (name, required, mut schema) in fields(&query) {
            let text = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            let mut one = json!({
                "name": name,
                "in": "query",
                "required": required,
                "schema": unnull(schema),
            });
            if let Some(text) = text {
                one["description"] = text;
            }
            all.push(one);
        }
    }
    let header = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    match route.verb {
        Verb::Get => {
            let json = described.kind.is_none_or(|kind| kind == "application/json");
            all.extend(json.then(|| header("IfNoneMatch")));
        }
        _ => all.push(header("IdempotencyKey")),
    }
    all
}

/// In an address there is no null: a parameter is there or not.
fn unnull(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.remove("default");
        let one = match object.get("type").and_then(Value::as_array) {
            Some(kinds) => kinds
                .iter()
                .find(|kind| kind.as_str() != Some("null"))
                .cloned(),
            None => None,
        };
        if let Some(one) = one {
            object.insert("type".to_owned(), one);
        }
        let some = object.get("anyOf").and_then(Value::as_array).map(|all| {
            let null = json!({ "type": "null" });
            all.iter()
                .filter(|one| **one != null)
                .cloned()
                .collect::<Vec<_>>()
        });
        if let Some([one]) = some.as_deref() {
            return one.clone();
        }
    }
    schema
}

fn content(schema: Value, kind: &str) -> Value {
    let mut content = Map::new();
    content.insert(kind.to_owned(), json!({ "schema": schema }));
    Value::Object(content)
}

fn operation(route: &Route, described: &Described, shared: &mut Shared) -> Value {
    let mut responses = Map::new();
    let something = described.answer.is_some() || described.kind.is_some();
    let status = match (described.status, something) {
        (0, false) => 204,
        (0, true) => 200,
        (status, _) => status,
    };
    let mut good =
        json!({ "description": match status { 204 => "Done", _ => "What was asked for" } });
    if let Some(answer) = &described.answer {
        let schema = shared.hoist(answer.clone());
        good["content"] = content(schema, described.kind.unwrap_or("application/json"));
    } else if let Some(kind) = described.kind {
        good["content"] = content(json!({ "type": "string" }), kind);
    }
    responses.insert(status.to_string(), good);
    let problem = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    let mut problems = vec![("404", "Absent"), ("422", "Invalid"), ("429", "TooMany")];
    if route.need != Need::Nothing {
        problems.push(("401", "Unauthorized"));
    }
    match route.verb {
        Verb::Get => {
            if described.kind.is_none_or(|kind| kind == "application/json") {
                responses.insert("304".to_owned(), json!({ "description": "Not modified" }));
            }
        }
        _ => problems.extend([("409", "Conflict"), ("412", "Changed")]),
    }
    for (status, name) in problems {
        responses.insert(status.to_owned(), problem(name));
    }
    responses.insert("default".to_owned(), problem("Problem"));
    let mut id = route.verb.as_str().to_lowercase();
    for part in route.path.trim_start_matches("/api/v1/").split('/') {
        let part: String = part.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let mut letters = part.chars();
        if let Some(first) = letters.next() {
            id.push(first.to_ascii_uppercase());
            id.push_str(letters.as_str());
        }
    }
    let mut operation = json!({
        "operationId": id,
        "summary": described.summary,
        "tags": [area(route.path)],
        "parameters": parameters(route, described, shared),
        "responses": responses,
        "security": match route.need {
            Need::Nothing => json!([]),
            _ => json!([{ "token": [] }, { "session": [] }]),
        },
    });
    if let Need::Right(right) = route.need {
        operation["x-watchfire-right"] = json!(right.to_string());
    }
    if let Some(body) = &described.body {
        let schema = shared.hoist(body.clone());
        operation["requestBody"] = json!({
            "required": true,
            "content": content(schema, "application/json"),
        });
    }
    operation
}

/// The routes beside the table: reports handed over, and what watches the process.
fn beside() -> Vec<(&'static str, &'static str, Value)> {
    let text = |description: &str| json!({ "description": description, "content": { "text/plain": { "schema": { "type": "string" } } } });
    let problem = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    let place = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
    let report = json!({ "$ref": "#/components/schemas/Report" });
    vec![
        (
            "/api/v1/feeds/{feed}/reports",
            "post",
            json!({
                "operationId": "postFeedsReports",
                "summary": "Hands a report of a feed over: archived before it is answered, taken in afterwards",
                "tags": ["feeds"],
                "parameters": [place("feed"), { "name": "name", "in": "query", "required": false, "schema": { "type": "string" }, "description": "What the file is called" }],
                "requestBody": { "required": true, "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } } },
                "responses": {
                    "202": { "description": "Archived", "content": { "application/json": { "schema": report } } },
                    "401": problem("Unauthorized"), "429": problem("TooMany"), "default": problem("Problem"),
                },
                "security": [{ "feed": [] }],
            }),
        ),
        (
            "/api/v1/feeds/{feed}/reports/{report}",
            "get",
            json!({
                "operationId": "getFeedsReportsReport",
                "summary": "How far a report came that was handed over",
                "tags": ["feeds"],
                "parameters": [place("feed"), place("report")],
                "responses": {
                    "200": { "description": "How far it came", "content": { "application/json": { "schema": report } } },
                    "401": problem("Unauthorized"), "404": problem("Absent"), "default": problem("Problem"),
                },
                "security": [{ "feed": [] }],
            }),
        ),
        (
            "/healthz",
            "get",
            json!({
                "operationId": "getHealthz", "summary": "The process lives", "tags": ["service"],
                "responses": { "200": text("It lives"), "default": problem("Problem") }, "security": [],
            }),
        ),
        (
            "/readyz",
            "get",
            json!({
                "operationId": "getReadyz", "summary": "Work is accepted", "tags": ["service"],
                "responses": { "200": text("It is"), "503": problem("Problem"), "default": problem("Problem") }, "security": [],
            }),
        ),
    ]
}

/// The document.
pub fn document() -> Value {
    let mut shared = Shared::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes::all() {
        let Some(described) = route.described.map(|described| described()) else {
            continue;
        };
        let path = route.path.replace("{*", "{");
        let operation = operation(route, &described, &mut shared);
        let verb = route.verb.as_str().to_lowercase();
        paths.entry(path).or_default().insert(verb, operation);
    }
    for (path, verb, operation) in beside() {
        let held = paths.entry(path.to_owned()).or_default();
        held.entry(verb).or_insert(operation);
    }
    shared.schemas.insert(
        "Problem".to_owned(),
        json!({
            "type": "object",
            "description": "RFC 9457",
            "required": ["type", "title", "status"],
            "properties": {
                "type": { "type": "string", "format": "uri" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string" },
                "field": { "type": "string", "description": "The field that is wrong" },
            },
        }),
    );
    shared.schemas.insert("Report".to_owned(), json!({
        "type": "object",
        "required": ["report", "feed", "bytes"],
        "properties": {
            "report": { "type": "string" }, "feed": { "type": "string" }, "bytes": { "type": "integer" },
            "state": { "type": "string" }, "reason": { "type": ["string", "null"] },
            "rows": { "type": "integer" }, "events": { "type": "integer" },
            "duplicates": { "type": "integer" }, "rejects": { "type": "integer" },
        },
    }));
    let problem = |text: &str| {
        json!({
            "description": text,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Watchfire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every action of the console. Lists are paged by cursor: ask again with `after` set to `next` until `next` is null. What is not yours to see is answered as if it were not there.",
            "license": { "name": "see LICENSE" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": shared.schemas,
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key", "in": "header", "required": false,
                    "description": "The same key within a day gives the answer of the first request, and does nothing again",
                    "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
                },
                "IfNoneMatch": {
                    "name": "If-None-Match", "in": "header", "required": false,
                    "description": "ETag of what is had already: 304 if it did not change",
                    "schema": { "type": "string" },
                },
            },
            "responses": {
                "Unauthorized": problem("Nobody signed in, or the token is void"),
                "Absent": problem("Nothing is here, or it is not yours to see"),
                "Conflict": problem("The state of things forbids it"),
                "Changed": problem("Somebody else changed it since it was read (If-Match)"),
                "Invalid": problem("What was sent cannot be used"),
                "TooMany": problem("Too many requests: see Retry-After"),
                "Problem": problem("Any other refusal"),
            },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of the API, made under Settings, with scopes and an end" },
                "feed": { "type": "http", "scheme": "bearer", "description": "A token for handing reports over (`watchfire tokens add`)" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-watchfire", "description": "The session of a browser" },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_shared_and_two_of_one_name_kept_apart() {
        let mut shared = Shared::default();
        let one = json!({
            "$schema": "x", "title": "A", "type": "object",
            "properties": { "b": { "$ref": "#/$defs/B" } },
            "$defs": { "B": { "type": "string" } },
        });
        assert_eq!(
            shared.hoist(one),
            json!({ "$ref": "#/components/schemas/A" })
        );
        let other = json!({ "title": "A", "type": "object", "properties": {} });
        assert_eq!(
            shared.hoist(other),
            json!({ "$ref": "#/components/schemas/A2" })
        );
        assert_eq!(
            shared.schemas["A"]["properties"]["b"]["$ref"],
            "#/components/schemas/B"
        );
    }

    #[test]
    fn places_of_a_path_are_found() {
        assert_eq!(places("/api/v1/a/{id}/b/{*rest}"), ["id", "rest"]);
        assert_eq!(area("/api/v1/incidents/{id}"), "incidents");
    }

    #[test]
    fn every_reference_of_the_document_has_its_target() {
        let document = document();
        let mut refs = Vec::new();
        collect(&document, &mut refs);
        assert!(!refs.is_empty());
        for target in refs {
            let place = target.trim_start_matches('#');
            assert!(document.pointer(place).is_some(), "{target}");
        }
    }

    fn collect(value: &Value, refs: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (key, inner) in object {
                    match (key.as_str(), inner) {
                        ("$ref", Value::String(target)) => refs.push(target.clone()),
                        _ => collect(inner, refs),
                    }
                }
            }
            Value::Array(all) => all.iter().for_each(|one| collect(one, refs)),
            _ => {}
        }
    }
}
