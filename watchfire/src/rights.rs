//! What a command needs of whoever is named with `--as`, once the house keeps accounts.
//!
//! Whoever has a shell on the workspace can do anything to it; a name is given so that the right person stands in the
//! audit trail. So a named person is held to their roles, and a job that runs under no account (a timer that
//! ingests) is not kept from its work. Commands of the newsroom and of accounts ask for their right themselves, with
//! the issue at hand.

use ledger::Account;
use model::newsroom::{AccountRole, Right};
use model::worded::Word;

use crate::failure::{Failure, Result};

/// The first word or words of a command, and the right. The first row that fits counts.
const NEEDS: &[(&str, Option<Right>)] = &[
    ("bulletin lint", Some(Right::Review)),
    ("bulletin late", Some(Right::Edit)),
    ("bulletin plan", Some(Right::Edit)),
    ("bulletin", None),
    ("flash", None),
    ("users", None),
    ("rollup review", Some(Right::Review)),
    ("rollup approve", Some(Right::Approve)),
    ("rollup publish", Some(Right::Publish)),
    ("rollup withdraw", Some(Right::Approve)),
    ("rollup", Some(Right::Edit)),
    ("parallel", Some(Right::Edit)),
    ("subscribers", Some(Right::Edit)),
    ("history", Some(Right::Edit)),
    ("blocklist approve", Some(Right::Lead)),
    ("blocklist delist", Some(Right::Lead)),
    ("blocklist", Some(Right::Work)),
    ("notices arm", Some(Right::Lead)),
    ("notices disarm", Some(Right::Lead)),
    ("notices resume", Some(Right::Lead)),
    ("notices", Some(Right::Work)),
    ("incidents promote", Some(Right::Lead)),
    ("incidents demote", Some(Right::Lead)),
    ("incidents", Some(Right::Work)),
    ("contacts", Some(Right::Work)),
    ("orgs", Some(Right::Work)),
    ("evidence", Some(Right::Work)),
    ("inbox", Some(Right::Work)),
    ("verify", Some(Right::Work)),
    ("route", Some(Right::Work)),
    ("respond", Some(Right::Work)),
    ("ingest", Some(Right::Work)),
    ("fetch", Some(Right::Work)),
    ("feeds", Some(Right::Work)),
    ("rejects", Some(Right::Work)),
    ("infrastructure", Some(Right::Work)),
    ("hold", Some(Right::Lead)),
    ("jobs", Some(Right::Administer)),
    ("import", Some(Right::Administer)),
    ("outpost", Some(Right::Administer)),
    ("lake", Some(Right::Administer)),
    ("reference", Some(Right::Administer)),
    ("restore", Some(Right::Administer)),
    ("retention", Some(Right::Administer)),
    // One's own; another's need the right, which the command asks for.
    ("tokens api", None),
    ("tokens", Some(Right::Administer)),
    ("demo", None),
    ("exercise", None),
    ("init", None),
];

/// The row of a command; `None`: it has none, which a test forbids.
fn row(command: &str) -> Option<&'static (&'static str, Option<Right>)> {
    let fits = |name: &str| {
        command == name
            || command
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
    };
    NEEDS.iter().find(|(name, _)| fits(name))
}

/// Refuses a command to a login that is no account, is closed, or lacks the right; lets everything be done while
/// there is no account at all.
///
/// # Errors
/// As said, with the remedy.
pub fn check(accounts: &[Account], login: &str, command: &str) -> Result {
    if accounts.is_empty() {
        return Ok(());
    }
    let refused = |why: String| Failure::new(format_args!("account {login}"), why);
    let known = accounts.iter().find(|one| one.active && one.login == login);
    let Some(account) = known else {
        return Err(refused("is not known, or closed".to_owned()).remedy("watchfire users list"));
    };
    match row(command).and_then(|(_, right)| *right) {
        Some(right) if !account.may(right) => {
            let able: Vec<&str> = AccountRole::ALL
                .iter()
                .filter(|role| role.carries(right))
                .map(|role| role.label())
                .collect();
            Err(refused(format!("may not {}", right.en())).remedy(format_args!(
                "`{command}` needs the role {}; an administrator gives it by `watchfire users add`",
                able.join(" or ")
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_writes_says_what_it_needs() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/**/*.rs");
        let mut found = 0;
        for path in glob::glob(folder).expect("a pattern").flatten() {
            let text = std::fs::read_to_string(&path).expect("a file");
            for rest in text.split("Access::Write(\"").skip(1) {
                let command = rest.split('"').next().expect("a name");
                assert!(row(command).is_some(), "{command} ({})", path.display());
                found += 1;
            }
        }
        assert!(found > 50, "{found}");
    }

    fn account(login: &str, roles: &str) -> Account {
        Account {
            login: login.to_owned(),
            name: String::new(),
            roles: roles.to_owned(),
            active: true,
            created_at: 0,
            created_by: String::new(),
            organization: None,
            lang: None,
            theme: None,
            email: None,
        }
    }

    #[test]
    fn a_named_person_is_held_to_their_roles() {
        let all = [
            account("liu", "analyst"),
            account("chen", "lead"),
            account("li", "administrator"),
        ];
        assert!(check(&[], "anybody", "notices arm").is_ok());
        assert!(check(&all, "liu", "notices").is_ok());
        assert!(check(&all, "liu", "notices arm").is_err());
        assert!(check(&all, "chen", "notices arm").is_ok());
        assert!(check(&all, "chen", "retention apply").is_err());
        assert!(check(&all, "li", "retention apply").is_ok());
        assert!(check(&all, "nobody", "ingest").is_err());
    }
}
