//! `serve.role`: what a serving process does.
//!
//! `all` is one process for everything. The others are nodes of a cluster that share a ledger on PostgreSQL: a node
//! may have several. A new role is a field here, a word in `WORDS`, and what it starts in `serve.rs`.

use super::Resolver;
use super::written::Written;

/// Words of the configuration, and what each sets.
const WORDS: &[(&str, fn(&mut Roles) -> &mut bool)] = &[
    ("console", |roles| &mut roles.console),
    ("worker", |roles| &mut roles.worker),
    ("scheduler", |roles| &mut roles.scheduler),
];

/// What a serving process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// It is a node among others: work is leased over the ledger's server.
    pub clustered: bool,
    /// It answers people: console, portal, public pages, API.
    pub console: bool,
    /// It does what is due.
    pub worker: bool,
    /// It plans what is due, while it leads.
    pub scheduler: bool,
}

impl Roles {
    /// One process for everything.
    pub const ALL: Roles = Roles {
        clustered: false,
        console: true,
        worker: true,
        scheduler: true,
    };

    /// Reads `all` or a list with commas.
    ///
    /// # Errors
    /// A word that is none, or `all` beside others.
    pub fn read(text: &str) -> Result<Roles, String> {
        if text.trim() == "all" {
            return Ok(Roles::ALL);
        }
        let mut roles = Roles {
            clustered: true,
            ..Roles::default()
        };
        for word in text.split(',').map(str::trim) {
            let found = WORDS.iter().find(|(name, _)| *name == word);
            let (_, field) = found.ok_or_else(|| format!("role `{word}` is none"))?;
            *field(&mut roles) = true;
        }
        Ok(roles)
    }

    /// The words, for people.
    pub fn words(self) -> String {
        if !self.clustered {
            return "all".to_owned();
        }
        let mut own = self;
        let words = WORDS.iter().filter(|(_, field)| *field(&mut own));
        words.map(|(word, _)| *word).collect::<Vec<_>>().join(",")
    }
}

/// What may stand there.
pub const REMEDY: &str = "write all, or of console, worker, scheduler one or several with commas";

impl Resolver<'_> {
    /// The roles; a cluster needs a ledger that its nodes share.
    pub(super) fn role(&mut self, written: &Written) -> Roles {
        const KEY: &str = "serve.role";
        let roles = Roles::read(&written.serve.role).unwrap_or_else(|why| {
            self.problem(KEY, why, REMEDY);
            Roles::ALL
        });
        if roles.clustered && written.ledger.url.trim().is_empty() {
            let message = format!(
                "role `{}` is a node of a cluster, and the ledger is a file of this folder",
                written.serve.role
            );
            self.problem(
                KEY,
                message,
                "set ledger.url to a PostgreSQL database, or leave role at all",
            );
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_words() {
        assert_eq!(Roles::read("all"), Ok(Roles::ALL));
        for text in ["worker", "console,scheduler", "console,worker,scheduler"] {
            let roles = Roles::read(text).expect("it is one");
            assert!(roles.clustered);
            assert_eq!(roles.words(), text);
        }
        for wrong in ["", "all,worker", "wroker", "worker,"] {
            assert!(Roles::read(wrong).is_err(), "{wrong}");
        }
    }
}
