//! `${NAME}` in paths of the configuration.
//!
//! What a variable holds is taken as it is: its `*` and `[` are no wildcards. A relative folder in a
//! variable that begins a path is one of the folder in which the command runs, as the person who set
//! the variable means it; everything else is relative to the workspace.

use std::path::Path;

use super::Environment;

/// Why a path could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexpanded {
    /// The variable is not set.
    Unset(String),
    /// `${` without `}`, or a name that is none.
    Malformed(String),
}

/// What to do with wildcards in a variable's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The path is a glob pattern: escape them.
    Pattern,
    /// The path is a path.
    Path,
}

/// Replaces every `${NAME}` of `text`.
///
/// # Errors
/// The first variable that is not set or not well written.
pub fn expand(text: &str, environment: &Environment, target: Target) -> Result<String, Unexpanded> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after
            .find('}')
            .ok_or_else(|| Unexpanded::Malformed(rest[at..].to_owned()))?;
        let name = &after[..end];
        let proper = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(proper) {
            return Err(Unexpanded::Malformed(rest[at..at + 3 + end].to_owned()));
        }
        let value = environment.get(name).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| Unexpanded::Unset(name.to_owned()))?;
        let value = match (
            out.is_empty(),
            Path::new(value).is_relative(),
            std::path::absolute(value),
        ) {
            (true, true, Ok(absolute)) => absolute.to_string_lossy().into_owned(),
            _ => value.clone(),
        };
        match target {
            Target::Pattern => out.push_str(&glob::Pattern::escape(&value)),
            Target::Path => out.push_str(&value),
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let pairs = [
            ("DATA", "/data"),
            ("ODD", "/a[1]*"),
            ("EMPTY", ""),
            ("HERE", "there"),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn variables_are_replaced() {
        let expand = |text| expand(text, &environment(), Target::Pattern);
        assert_eq!(expand("feeds/*.csv"), Ok("feeds/*.csv".to_owned()));
        assert_eq!(expand("${DATA}/a/*.csv"), Ok("/data/a/*.csv".to_owned()));
        assert_eq!(expand("x/${DATA}/${DATA}"), Ok("x//data//data".to_owned()));
        assert_eq!(expand("${ODD}/*"), Ok("/a[[]1[]][*]/*".to_owned()));
        assert_eq!(expand("${NO}/x"), Err(Unexpanded::Unset("NO".to_owned())));
        assert_eq!(
            expand("${EMPTY}/x"),
            Err(Unexpanded::Unset("EMPTY".to_owned()))
        );
        assert_eq!(
            expand("a/${DATA"),
            Err(Unexpanded::Malformed("${DATA".to_owned()))
        );
        assert_eq!(expand("${}"), Err(Unexpanded::Malformed("${}".to_owned())));
        assert_eq!(expand("$HOME/{x}"), Ok("$HOME/{x}".to_owned()));
    }

    #[test]
    fn a_relative_folder_is_one_of_the_current_folder() {
        let found = expand("${HERE}/x", &environment(), Target::Path).expect("it is set");
        let here = std::env::current_dir().expect("there is one");
        assert_eq!(Path::new(&found), here.join("there/x"));
    }
}
