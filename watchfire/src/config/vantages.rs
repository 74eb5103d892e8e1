//! `[[vantage]]` entries become vantages that can be asked, or problems; how their secrets are shown.

use std::path::Path;

use model::verification::Client;
use response::checking::VANTAGE;
use response::deliver::Secret;
use response::verify::probe::tls;
use response::verify::vantage::{Entry, MOST, SECRET, door};

use super::Resolver;
use super::expand::masked;
use super::written::{VantageEntry, Written};

/// Characters of a name: it stands in looks and in evidence.
const NAME: usize = 40;

/// The entries as they may be shown: without secrets, unless variables stand for them.
pub fn shown(entries: &[VantageEntry]) -> Vec<VantageEntry> {
    let entries = entries.iter().cloned();
    entries
        .map(|entry| VantageEntry {
            secret: masked(&entry.secret),
            ..entry
        })
        .collect()
}

impl Resolver<'_> {
    /// The vantages, in the order in which they are written.
    pub(super) fn vantages(&mut self, written: &Written, root: &Path) -> Vec<Entry> {
        let mut read: Vec<Entry> = Vec::new();
        for (at, entry) in written.vantages.iter().enumerate() {
            let key = format!("vantage.{at}");
            let label = format!("vantage {}", entry.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if entry.name.is_empty() || entry.name.len() > NAME || !entry.name.chars().all(plain) {
                let message = format!("{label}: looks cannot bear this name");
                self.problem(&key, message, "use a to z, 0 to 9 and -, 40 at most");
            }
            if entry.name == VANTAGE || read.iter().any(|other| other.name == entry.name) {
                let message = format!("{label}: the name stands twice, or is that of this process");
                self.problem(&key, message, "names are unique: rename or remove one");
            }
            let url = match door(&entry.url) {
                Ok(url) => Some(url),
                Err(why) => {
                    let remedy = "write https://HOST:PORT; http is for one on this very machine, as http://127.0.0.1:8092";
                    self.problem(&format!("{key}.url"), format!("{label}: {why}"), remedy);
                    None
                }
            };
            let secret = self.vantage_secret(&key, &label, entry, root);
            let ca = self.vantage_ca(&key, &label, entry, root);
            let clients = self.vantage_clients(&key, &label, entry);
            if let (Some(url), Some(secret)) = (url, secret) {
                read.push(Entry {
                    name: entry.name.clone(),
                    url,
                    secret,
                    ca,
                    clients,
                });
            }
        }
        if written.vantages.len() > MOST {
            let message = format!("{} vantages are too many to ask", written.vantages.len());
            let remedy = format!("keep {MOST} or fewer");
            self.problem(&format!("vantage.{MOST}"), message, &remedy);
        }
        read
    }

    fn vantage_secret(
        &mut self,
        key: &str,
        label: &str,
        entry: &VantageEntry,
        root: &Path,
    ) -> Option<Secret> {
        let place = format!("{key}.secret");
        let written = self.expanded(&place, &entry.secret)?;
        let secret = match (written.is_empty(), entry.secret_file.is_empty()) {
            (false, true) => written,
            (true, false) => {
                let path = root.join(&entry.secret_file);
                match std::fs::read_to_string(&path) {
                    Ok(text) => text.trim().to_owned(),
                    Err(error) => {
                        let message = format!("{label}: secret_file {}: {error}", path.display());
                        let place = format!("{key}.secret_file");
                        self.problem(&place, message, "look at the file and its rights");
                        return None;
                    }
                }
            }
            (true, true) => {
                let message = format!("{label}: a vantage answers nobody without a secret");
                let remedy =
                    "name the file that holds it as secret_file, or write secret = \"${NAME}\"";
                self.problem(key, message, remedy);
                return None;
            }
            (false, false) => {
                let message = format!("{label}: secret and secret_file are both set");
                self.problem(&place, message, "keep one of them");
                return None;
            }
        };
        if secret.len() < SECRET {
            let message = format!("{label}: the secret is shorter than {SECRET} characters");
            let remedy =
                "make one on the vantage, as by `openssl rand -hex 32`, and give it to both sides";
            self.problem(key, message, remedy);
            return None;
        }
        Some(Secret::new(secret))
    }

    fn vantage_ca(
        &mut self,
        key: &str,
        label: &str,
        entry: &VantageEntry,
        root: &Path,
    ) -> Option<Vec<u8>> {
        if entry.ca.is_empty() {
            return None;
        }
        let path = root.join(&entry.ca);
        let why = match std::fs::read(&path) {
            Ok(pem) if tls::roots(&pem).1 > 0 => return Some(pem),
            Ok(_) => "it holds no certificate".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = format!("{label}: ca {}: {why}", path.display());
        let remedy = "give the certificate of the vantage, or of who signed it, as PEM";
        self.problem(&format!("{key}.ca"), message, remedy);
        None
    }

    fn vantage_clients(&mut self, key: &str, label: &str, entry: &VantageEntry) -> Vec<Client> {
        if entry.clients.is_empty() {
            return vec![Client::Plain, Client::Victim];
        }
        let mut clients = Vec::new();
        for word in &entry.clients {
            match word.parse() {
                Ok(client @ (Client::Plain | Client::Victim)) => clients.push(client),
                _ => {
                    let message = format!("{label}: nobody asks for pages as `{word}`");
                    let place = format!("{key}.clients");
                    self.problem(&place, message, "write plain, victim or both");
                }
            }
        }
        clients
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Environment, Problem, Settings, parse};
    use super::*;

    const SECRET_TEXT: &str = "0123456789abcdef0123456789abcdef";

    fn read(text: &str) -> Result<Settings, Vec<Problem>> {
        let environment: Environment = [("LOOKS".to_owned(), SECRET_TEXT.to_owned())].into();
        parse(text, Path::new("/ws/watchfire.toml"), &environment)
    }

    fn entry(name: &str, rest: &str) -> String {
        format!("[[vantage]]\nname = \"{name}\"\n{rest}\n")
    }

    #[test]
    fn entries_are_read_and_their_secrets_shown_nowhere() {
        let right =
            "url = \"https://looks.example:8092\"\nsecret = \"${LOOKS}\"\nclients = [\"victim\"]";
        let settings = read(&entry("west", right)).expect("all is well");
        assert_eq!(settings.vantages.len(), 1);
        let west = &settings.vantages[0];
        assert_eq!(west.url.as_str(), "https://looks.example:8092/");
        assert_eq!(west.clients, [Client::Victim]);
        let bare = right.replace("${LOOKS}", SECRET_TEXT);
        let settings = read(&entry("west", &bare)).expect("all is well");
        assert!(!settings.text.contains(SECRET_TEXT), "{}", settings.text);
        assert!(!format!("{:?}", settings.vantages).contains(SECRET_TEXT));
        let told = settings.shown.iter().map(|one| one.value.to_string());
        assert!(told.filter(|value| value.contains(SECRET_TEXT)).count() == 0);
    }

    #[test]
    fn what_is_wrong_names_the_vantage_its_line_and_the_remedy() {
        let right = "url = \"https://looks.example\"\nsecret = \"${LOOKS}\"";
        for (text, place, said) in [
            (entry("local", right), "watchfire.toml:1", "this process"),
            (entry("West 1", right), "watchfire.toml:1", "cannot bear"),
            (
                entry("a", right) + &entry("a", right),
                "watchfire.toml:5",
                "stands twice",
            ),
            (
                entry("a", "url = \"http://looks.example\"\nsecret = \"${LOOKS}\""),
                "watchfire.toml:3",
                "no address over TLS",
            ),
            (
                entry("a", "url = \"https://looks.example\""),
                "watchfire.toml:1",
                "without a secret",
            ),
            (
                entry("a", "url = \"https://looks.example\"\nsecret = \"short\""),
                "watchfire.toml:1",
                "shorter than 32",
            ),
            (
                entry(
                    "a",
                    "url = \"https://looks.example\"\nsecret_file = \"none\"",
                ),
                "watchfire.toml:4",
                "secret_file /ws/none",
            ),
            (
                entry("a", "url = \"https://looks.example\"\nsecret = \"${NO}\""),
                "watchfire.toml:4",
                "NO is not set",
            ),
            (
                entry("a", &format!("{right}\nclients = [\"passive\"]")),
                "watchfire.toml:5",
                "as `passive`",
            ),
            (
                entry("a", &format!("{right}\nca = \"none.pem\"")),
                "watchfire.toml:5",
                "ca /ws/none.pem",
            ),
        ] {
            let problems = read(&text).expect_err("it is wrong");
            let [problem] = problems.as_slice() else {
                panic!("{problems:?}");
            };
            assert_eq!(problem.place, place, "{problem}");
            assert!(problem.message.contains(said), "{problem}");
            assert!(problem.remedy.is_some());
        }
        let found = read("[[vantage]]\nname = \"a\"\nurl = \"b\"\nsecretfile = \"c\"\n");
        let problems = found.expect_err("an unknown key");
        assert_eq!(
            problems[0].remedy.as_deref(),
            Some("did you mean `secret_file`?")
        );
    }
}
