//! `${NAME}` in paths of the configuration and in the ledger's address.
//!
//! What a variable holds is taken as it is: its `*` and `[` are no wildcards. A relative folder in a
//! variable that begins a path is one of the folder in which the command runs, as the person who set
//! the variable means it; everything else is relative to the workspace. In an address, what stands
//! before the `@` (user, password) is put in as it is meant, special characters and all.

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
    /// It is no path but a URL.
    Url,
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
        let path = || match (
            out.is_empty(),
            Path::new(value).is_relative(),
            std::path::absolute(value),
        ) {
            (true, true, Ok(absolute)) => absolute.to_string_lossy().into_owned(),
            _ => value.clone(),
        };
        let value = match target {
            Target::Pattern => glob::Pattern::escape(&path()),
            Target::Path => path(),
            Target::Url if !out.is_empty() && after.contains('@') => percent_encoded(value),
            Target::Url => value.clone(),
        };
        out.push_str(&value);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Every byte that a URL may give a meaning as `%XX` (RFC 3986 section 2.3 lists those that have none).
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What stands in the place of a secret.
pub const HIDDEN: &str = "***";

/// A secret as it may be shown: not at all, unless a variable stands for it, which gives nothing away.
pub fn masked(secret: &str) -> String {
    let secret = secret.trim();
    let variable =
        secret.starts_with("${") && secret.ends_with('}') && secret.matches('$').count() == 1;
    match secret {
        "" => String::new(),
        secret if variable => secret.to_owned(),
        _ => HIDDEN.to_owned(),
    }
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
    fn a_password_is_put_into_a_url_as_it_is_meant() {
        let mut environment = environment();
        for (name, value) in [
            ("PASSWORD", "p@ss/wörd"),
            ("PLACE", "db.example.test:6432"),
            ("URL", "postgres://u:p%40@h/d"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let expand = |text| expand(text, &environment, Target::Url);
        assert_eq!(
            expand("postgres://u:${PASSWORD}@${PLACE}/d").as_deref(),
            Ok("postgres://u:p%40ss%2Fw%C3%B6rd@db.example.test:6432/d")
        );
        assert_eq!(expand("${URL}").as_deref(), Ok("postgres://u:p%40@h/d"));
        assert_eq!(
            expand("postgres://u:${NO}@h/d"),
            Err(Unexpanded::Unset("NO".to_owned()))
        );
    }

    #[test]
    fn a_relative_folder_is_one_of_the_current_folder() {
        let found = expand("${HERE}/x", &environment(), Target::Path).expect("it is set");
        let here = std::env::current_dir().expect("there is one");
        assert_eq!(Path::new(&found), here.join("there/x"));
    }
}
