//! The demo's people: an account of each role, one of a party and one of a branch, so that the console can be tried
//! at once. They share a password that is made anew for each demo and stands in a file of its folder.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use ledger::Organization;
use model::newsroom::{AccountRole, Right};
use model::organization::Role;
use model::time::{Day, Timestamp};

use crate::failure::{Failure, Result};
use crate::workspace::{Workspace, secret};

/// The file that tells the accounts and their password.
pub const FILE: &str = "accounts.txt";

/// Login, name, roles, and of which kind of organization.
const PEOPLE: [(&str, &str, &[AccountRole], Option<Role>); 8] = [
    ("li.na", "李娜", &[AccountRole::Administrator], None),
    (
        "chen.jie",
        "陈洁",
        &[AccountRole::Lead, AccountRole::Approver],
        None,
    ),
    ("wang.wei", "王伟", &[AccountRole::Editor], None),
    ("zhao.min", "赵敏", &[AccountRole::Approver], None),
    ("liu.yang", "刘洋", &[AccountRole::Analyst], None),
    ("sun.qian", "孙倩", &[AccountRole::Viewer], None),
    (
        "wu.branch",
        "吴省（省分中心）",
        &[AccountRole::Analyst],
        Some(Role::ProvincialBranch),
    ),
    (
        "zhou.party",
        "周方（注册商）",
        &[AccountRole::Party],
        Some(Role::Registrar),
    ),
];

/// Makes the accounts, if there are none; who they are and their password, in lines.
///
/// # Errors
/// The ledger, or the file cannot be written.
pub fn people(workspace: &Workspace, now: Timestamp) -> Result<Option<String>> {
    let ledger = &workspace.ledger;
    if !workspace.block_on(ledger.accounts())?.is_empty() {
        return Ok(None);
    }
    let day = now
        .date_in(&workspace.settings.zone)
        .map_or(0, |date| Day::of(date).0);
    let all = workspace.block_on(ledger.organizations(None))?;
    let password = &secret()?[3..19];
    let mut salt = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut salt)
        .map_err(|_| Failure::new("random source", "the system gives no random bytes"))?;
    let hash = console::password::hash(password, salt)
        .map_err(|error| Failure::new("the password", error))?;
    let mut lines = format!("password of all: {password}\n\n");
    for (login, name, roles, of) in PEOPLE {
        // Each is made by the administrator; that one by whoever runs the demo.
        let by = match login == PEOPLE[0].0 {
            true => super::AUTHOR,
            false => PEOPLE[0].0,
        };
        let by = workspace.block_on(ledger.actor(by, Right::Administer, day))?;
        workspace.block_on(ledger.set_account(&by, (login, name, roles, true), now.0))?;
        let administrator =
            workspace.block_on(ledger.actor(PEOPLE[0].0, Right::Administer, day))?;
        let organization = of.and_then(|role| first(&all, role));
        if let Some(own) = organization {
            let id = own.organization_id().to_string();
            let set = ledger.set_account_organization(&administrator, login, Some(&id), now.0);
            workspace.block_on(set)?;
        }
        let set = ledger.set_password(PEOPLE[0].0, login, (&hash, false), now.0);
        workspace.block_on(set)?;
        let labels: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let own = organization.map_or(String::new(), |own| format!(", of {}", own.name_en));
        lines.push_str(&format!("{login:<12} {}{own}\n", labels.join(", ")));
    }
    let path = workspace.root.join(FILE);
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|error| Failure::new(path.display(), error))?;
    Ok(Some(lines))
}

/// The first organization of a role, by its id: the same in every run.
fn first(all: &[Organization], role: Role) -> Option<&Organization> {
    let of = all.iter().filter(|one| one.has(role));
    of.min_by_key(|one| one.organization_id())
}
