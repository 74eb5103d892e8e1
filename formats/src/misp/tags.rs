//! Tags of MISP events and attributes: machine tags (`namespace:predicate="value"`) of taxonomies that
//! we read, galaxies, and free words.

use model::classification::classification;
use model::field::Field;

use crate::draft::Draft;
use crate::json::tree::Json;
use crate::value;

/// Taxonomies whose values are, or are spelled like, RSIT entries.
const CLASSES: &[&str] = &[
    "rsit",
    "ecsirt",
    "circl",
    "enisa",
    "europol-incident",
    "csirt_case_classification",
];

/// Galaxies whose clusters are malware.
const MALWARE: &[&str] = &[
    "malpedia",
    "mitre-malware",
    "banker",
    "stealer",
    "rat",
    "ransomware",
    "botnet",
    "backdoor",
    "android",
    "cryptominers",
];

/// What tags say.
#[derive(Clone, Default)]
pub(super) struct Marks {
    class: Option<&'static str>,
    tlp: Option<&'static str>,
    malware: Vec<String>,
    /// Malware names that the attribute itself has: they win over the event's.
    own_malware: bool,
    own_class: bool,
    words: Vec<String>,
}

impl Marks {
    /// Takes a tag of the event.
    pub(super) fn tag(&mut self, tag: Json<'_>) {
        self.take(tag, false);
    }

    /// Takes a tag of the attribute.
    pub(super) fn own_tag(&mut self, tag: Json<'_>) {
        self.take(tag, true);
    }

    fn take(&mut self, tag: Json<'_>, own: bool) {
        let Some(name) = tag.member("name").string() else {
            return;
        };
        let (space, rest) = name.split_once(':').unwrap_or(("", name));
        let (predicate, value) = match rest.split_once('=') {
            Some((predicate, value)) => (predicate, value.trim_matches('"')),
            None => (rest, rest),
        };
        match space.to_ascii_lowercase().as_str() {
            "tlp" => {
                let label = value::tlp(rest);
                // Of several markings the strictest holds.
                self.tlp = stricter(self.tlp, label);
                return;
            }
            "misp-galaxy" => {
                if MALWARE.contains(&predicate) {
                    self.name(value, own);
                }
                return;
            }
            space if CLASSES.contains(&space) => {
                if let Some(class) = classification(&value.to_lowercase()) {
                    if self.class.is_none() || own && !self.own_class {
                        self.class = Some(class.name);
                    }
                    self.own_class |= own;
                    return;
                }
            }
            _ => {}
        }
        if !self.words.iter().any(|known| known == name) {
            self.words.push(name.to_owned());
        }
    }

    /// Takes a galaxy with its clusters.
    pub(super) fn galaxy(&mut self, galaxy: Json<'_>) {
        if galaxy
            .member("type")
            .string()
            .is_some_and(|kind| MALWARE.contains(&kind))
        {
            for name in galaxy
                .member("GalaxyCluster")
                .list()
                .filter_map(|cluster| cluster.member("value").string())
            {
                self.name(name, false);
            }
        }
    }

    /// Takes an attribute that says in words what malware the event is about.
    pub(super) fn payload(&mut self, attribute: Json<'_>) {
        let says = |key: &str, word: &str| attribute.member(key).string() == Some(word);
        if says("category", "Payload type")
            && says("type", "text")
            && let Some(name) = attribute.member("value").string()
        {
            self.name(name, false);
        }
    }

    /// A cluster's name, without the number that ATT&CK puts behind it (`Name - S0001`).
    fn name(&mut self, name: &str, own: bool) {
        if own && !self.own_malware {
            self.malware.clear();
            self.own_malware = true;
        } else if self.own_malware && !own {
            return;
        }
        let numbered = name.rsplit_once(" - ").filter(|(_, number)| {
            number.strip_prefix('S').is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        });
        let name = numbered.map_or(name, |(name, _)| name).to_lowercase();
        if !name.is_empty() && !self.malware.contains(&name) {
            self.malware.push(name);
        }
    }

    /// Sets what the tags say.
    pub(super) fn set(&self, draft: &mut Draft) {
        if let Some(class) = self.class {
            draft.record.set_text(Field::ClassType, class);
        }
        if let Some(tlp) = self.tlp {
            draft.record.set_text(Field::Tlp, tlp);
        }
        // Which of several it is, the event does not say of the attribute.
        match self.malware.as_slice() {
            [name] => draft.keep(Field::MalwareName, name),
            names => draft.extra_list("malware_names", names),
        }
        let (words, phrases): (Vec<String>, Vec<String>) =
            self.words.iter().cloned().partition(|word| {
                !word.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"'))
            });
        draft.keep(Field::Tags, &words.join(" "));
        draft.extra_list("tags", &phrases);
    }
}

/// The stricter of two markings.
fn stricter(one: Option<&'static str>, other: Option<&'static str>) -> Option<&'static str> {
    let both = [one, other].into_iter().flatten();
    both.max_by_key(|label| value::tlp_rank(label))
}
