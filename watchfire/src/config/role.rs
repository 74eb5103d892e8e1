//! `serve.role`: what a serving process does.
//!
//! `all` is one process for everything. The others are nodes of a cluster that share a ledger on PostgreSQL: a node
//! may have several. `public` is a node outside, which has no ledger and no other role (docs/public.md). A new
//! role is a field here, a word in `WORDS`, and what it starts in `serve.rs`.

use super::Resolver;
use super::written::Written;

/// What a word sets.
type Field = fn(&mut Roles) -> &mut bool;

/// Words of the configuration, and what each sets.
const WORDS: &[(&str, Field)] = &[
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
    /// It stands in a DMZ and is nothing else.
    pub public: bool,
}

/// The word of a node in a DMZ.
pub const PUBLIC: &str = "public";

impl Roles {
    /// One process for everything.
    pub const ALL: Roles = Roles {
        clustered: false,
        console: true,
        worker: true,
        scheduler: true,
        public: false,
    };

    /// Reads `all`, `public` or a list with commas.
    ///
    /// # Errors
    /// A word that is none, or `all` or `public` beside others.
    pub fn read(text: &str) -> Result<Roles, String> {
        if text.trim() == "all" {
            return Ok(Roles::ALL);
        }
        if text.trim() == PUBLIC {
            return Ok(Roles {
                public: true,
                ..Roles::default()
            });
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
        if self.public {
            return PUBLIC.to_owned();
        }
        if !self.clustered {
            return "all".to_owned();
        }
        let mut own = self;
        let words = WORDS.iter().filter(|(_, field)| *field(&mut own));
        words.map(|(word, _)| *word).collect::<Vec<_>>().join(",")
    }
}

/// What may stand there.
pub const REMEDY: &str =
    "write all, public, or of console, worker, scheduler one or several with commas";

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
        assert!(Roles::read("public").is_ok_and(|roles| roles.public && !roles.clustered));
        for wrong in ["", "all,worker", "public,console", "wroker", "worker,"] {
            assert!(Roles::read(wrong).is_err(), "{wrong}");
        }
    }
}
