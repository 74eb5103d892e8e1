//! Two taxonomies at once: RSIT, which partners abroad use, and GB/T 20986-2023, which the law at
//! home uses. One table maps every RSIT entry to its RSIT class and to its default GB/T class
//! (DOMAIN section 4.1); the table carries a version that is stored with what was counted under it.

use std::fmt;

/// Version of [`TYPES`]: raise it when a row changes.
pub const CLASSIFICATION_VERSION: &str = "rsit-1003+gbt20986-2023/1";

/// The ten classes of GB/T 20986-2023 (class names from general knowledge of the standard, codes
/// left out because no text that gives them was read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalCategory {
    /// 恶意程序
    Malware,
    /// 网络攻击
    Attack,
    /// 数据安全
    Data,
    /// 信息内容安全
    Content,
    /// 设备设施故障
    Fault,
    /// 违规操作
    Misuse,
    /// 安全隐患
    Hazard,
    /// 异常行为
    Anomaly,
    /// 不可抗力
    ForceMajeure,
    /// 其他
    Other,
}

impl LocalCategory {
    /// Stable machine label.
    pub fn label(self) -> &'static str {
        match self {
            LocalCategory::Malware => "malware",
            LocalCategory::Attack => "attack",
            LocalCategory::Data => "data",
            LocalCategory::Content => "content",
            LocalCategory::Fault => "fault",
            LocalCategory::Misuse => "misuse",
            LocalCategory::Hazard => "hazard",
            LocalCategory::Anomaly => "anomaly",
            LocalCategory::ForceMajeure => "force-majeure",
            LocalCategory::Other => "other",
        }
    }

    /// The standard's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            LocalCategory::Malware => "恶意程序事件",
            LocalCategory::Attack => "网络攻击事件",
            LocalCategory::Data => "数据安全事件",
            LocalCategory::Content => "信息内容安全事件",
            LocalCategory::Fault => "设备设施故障事件",
            LocalCategory::Misuse => "违规操作事件",
            LocalCategory::Hazard => "安全隐患事件",
            LocalCategory::Anomaly => "异常行为事件",
            LocalCategory::ForceMajeure => "不可抗力事件",
            LocalCategory::Other => "其他事件",
        }
    }
}

impl fmt::Display for LocalCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// One row of the classification table.
#[derive(Clone, Copy, Debug)]
pub struct TypeSpec {
    /// RSIT entry, canonical spelling, e.g. `infected-system`.
    pub name: &'static str,
    /// RSIT class, e.g. `malicious-code`.
    pub taxonomy: &'static str,
    /// Default class of GB/T 20986-2023.
    pub local: LocalCategory,
    /// Spelling IntelMQ 3.5.0 uses where it differs from RSIT's.
    pub intelmq: Option<&'static str>,
}

const fn row(name: &'static str, taxonomy: &'static str, local: LocalCategory) -> TypeSpec {
    TypeSpec {
        name,
        taxonomy,
        local,
        intelmq: None,
    }
}

use LocalCategory::{Anomaly, Attack, Content, Data, Fault, Hazard, Malware, Misuse, Other};

/// RSIT version 1003, all 39 entries, then the five that IntelMQ adds.
pub const TYPES: &[TypeSpec] = &[
    row("spam", "abusive-content", Content),
    row("harmful-speech", "abusive-content", Content),
    row("violence", "abusive-content", Content),
    row("infected-system", "malicious-code", Malware),
    row("c2-server", "malicious-code", Malware),
    row("malware-distribution", "malicious-code", Malware),
    row("malware-configuration", "malicious-code", Malware),
    row("scanner", "information-gathering", Attack),
    row("sniffing", "information-gathering", Attack),
    row("social-engineering", "information-gathering", Attack),
    row("ids-alert", "intrusion-attempts", Attack),
    row("brute-force", "intrusion-attempts", Attack),
    row("exploit", "intrusion-attempts", Attack),
    row("privileged-account-compromise", "intrusions", Attack),
    row("unprivileged-account-compromise", "intrusions", Misuse),
    row("application-compromise", "intrusions", Attack),
    row("system-compromise", "intrusions", Attack),
    row("burglary", "intrusions", Other),
    row("dos", "availability", Attack),
    row("ddos", "availability", Attack),
    row("misconfiguration", "availability", Fault),
    row("sabotage", "availability", Attack),
    row("outage", "availability", Fault),
    row(
        "unauthorised-information-access",
        "information-content-security",
        Data,
    ),
    row(
        "unauthorised-information-modification",
        "information-content-security",
        Attack,
    ),
    row("data-loss", "information-content-security", Data),
    row("data-leak", "information-content-security", Data),
    TypeSpec {
        name: "unauthorised-use-of-resources",
        taxonomy: "fraud",
        local: Misuse,
        intelmq: Some("unauthorized-use-of-resources"),
    },
    row("copyright", "fraud", Content),
    row("masquerade", "fraud", Attack),
    row("phishing", "fraud", Attack),
    row("weak-crypto", "vulnerable", Hazard),
    row("ddos-amplifier", "vulnerable", Hazard),
    row("potentially-unwanted-accessible", "vulnerable", Hazard),
    row("information-disclosure", "vulnerable", Hazard),
    row("vulnerable-system", "vulnerable", Hazard),
    row("other", "other", Other),
    row("undetermined", "other", Anomaly),
    row("test", "test", Other),
    TypeSpec {
        name: "blocklist",
        taxonomy: "other",
        local: Anomaly,
        intelmq: Some("blacklist"),
    },
    row("dga-domain", "other", Malware),
    row("malware", "other", Malware),
    row("proxy", "other", Anomaly),
    row("tor", "other", Anomaly),
];

/// Old and foreign spellings that are read as a canonical entry: those that IntelMQ itself rewrites
/// on input, American spellings of RSIT's, and names of GB/T objects that feeds use.
const SPELLINGS: &[(&str, &str)] = &[
    ("blacklist", "blocklist"),
    ("botnet drone", "infected-system"),
    ("ransomware", "infected-system"),
    ("c&c", "c2-server"),
    ("c2server", "c2-server"),
    ("malware configuration", "malware-configuration"),
    ("malware distribution", "malware-distribution"),
    ("defacement", "unauthorised-information-modification"),
    ("leak", "data-leak"),
    ("dropzone", "other"),
    ("unknown", "undetermined"),
    ("vulnerable client", "vulnerable-system"),
    ("vulnerable service", "vulnerable-system"),
    ("ddos amplifier", "ddos-amplifier"),
    ("dga domain", "dga-domain"),
    ("harmful speech", "harmful-speech"),
    ("compromised", "system-compromise"),
    ("backdoor", "system-compromise"),
    ("application compromise", "application-compromise"),
    (
        "privileged account compromise",
        "privileged-account-compromise",
    ),
    (
        "unprivileged account compromise",
        "unprivileged-account-compromise",
    ),
    (
        "unauthorized-use-of-resources",
        "unauthorised-use-of-resources",
    ),
    (
        "unauthorized use of resources",
        "unauthorised-use-of-resources",
    ),
    (
        "unauthorized-information-access",
        "unauthorised-information-access",
    ),
    (
        "unauthorized-information-modification",
        "unauthorised-information-modification",
    ),
    (
        "unauthorized-modification",
        "unauthorised-information-modification",
    ),
];

/// Looks a classification up by any accepted spelling (lower case).
pub fn classification(name: &str) -> Option<&'static TypeSpec> {
    let canonical = TYPES.iter().find(|spec| spec.name == name);
    canonical.or_else(|| {
        let (_, canonical) = SPELLINGS.iter().find(|(old, _)| *old == name)?;
        TYPES.iter().find(|spec| spec.name == *canonical)
    })
}

/// Position of a canonical entry in [`TYPES`]: the compact code that statistics filter by.
pub fn type_code(name: &str) -> Option<usize> {
    TYPES.iter().position(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_unique_and_spellings_resolve() {
        let mut names = std::collections::HashSet::new();
        for spec in TYPES {
            assert!(names.insert(spec.name), "{} twice", spec.name);
            assert_eq!(classification(spec.name).map(|s| s.name), Some(spec.name));
            if let Some(old) = spec.intelmq {
                assert_eq!(classification(old).map(|s| s.name), Some(spec.name));
            }
        }
        for (old, canonical) in SPELLINGS {
            assert!(!names.contains(old), "{old} is canonical already");
            assert!(names.contains(canonical), "{canonical} is unknown");
        }
        assert_eq!(TYPES.len(), 39 + 5);
    }
}
