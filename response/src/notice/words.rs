//! Words of notices: what is asked, how to answer, how addresses and times are written in prose.

use jiff::tz::TimeZone;
use model::bulletin::Lang;
use model::incident::CaseKind;
use model::organization::Role;
use model::time::Timestamp;
use model::tlp::Tlp;

/// What a party is asked to do (DOMAIN 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Remove what is shown, or stop serving it.
    RemoveContent,
    /// Stop the resolution of a name.
    SuspendDomain,
    /// Take an app off a platform.
    Delist,
    /// Shut a control server, or cut its traffic.
    CutServer,
    /// Clean a host.
    CleanHost,
    /// Tell the users behind addresses.
    InformUsers,
    /// Put a site back as it was, and close the hole.
    RestoreSite,
    /// Fix a weakness.
    FixVulnerability,
    /// Stop attacks or spam.
    StopAbuse,
    /// Get somebody else to act.
    Coordinate,
}

impl Ask {
    /// What is asked of a party in a role for a case, unless a rule says otherwise.
    pub fn of(kind: CaseKind, role: Role) -> Ask {
        use CaseKind::*;
        match role {
            Role::Registrar | Role::Registry => return Ask::SuspendDomain,
            Role::ProvincialBranch
            | Role::OverseasCert
            | Role::EducationCert
            | Role::SectorCert => {
                return Ask::Coordinate;
            }
            _ => {}
        }
        match kind {
            Phishing | MalwareHosting => Ask::RemoveContent,
            MaliciousApp if role == Role::AppPlatform => Ask::Delist,
            MaliciousApp => Ask::RemoveContent,
            ControlServer | MobileControlServer => Ask::CutServer,
            InfectedHost if role == Role::NetworkOperator => Ask::InformUsers,
            InfectedHost => Ask::CleanHost,
            Defacement | Backdoor => Ask::RestoreSite,
            Vulnerability => Ask::FixVulnerability,
            Spam | Attack => Ask::StopAbuse,
            Other => Ask::Coordinate,
        }
    }

    /// All of them, with their labels.
    pub const ALL: [(Ask, &'static str); 10] = [
        (Ask::RemoveContent, "remove-content"),
        (Ask::SuspendDomain, "suspend-domain"),
        (Ask::Delist, "delist"),
        (Ask::CutServer, "cut-server"),
        (Ask::CleanHost, "clean-host"),
        (Ask::InformUsers, "inform-users"),
        (Ask::RestoreSite, "restore-site"),
        (Ask::FixVulnerability, "fix-vulnerability"),
        (Ask::StopAbuse, "stop-abuse"),
        (Ask::Coordinate, "coordinate"),
    ];

    /// Reads a label.
    ///
    /// # Errors
    /// What labels there are.
    pub fn named(label: &str) -> Result<Ask, String> {
        let found = Ask::ALL.iter().find(|(_, own)| *own == label);
        found.map(|(ask, _)| *ask).ok_or_else(|| {
            let all: Vec<_> = Ask::ALL.iter().map(|(_, own)| *own).collect();
            format!("`{label}` is no request: {}", all.join(", "))
        })
    }

    /// As a request within a sentence.
    pub fn words(self, language: Lang) -> &'static str {
        let (zh, en) = match self {
            Ask::RemoveContent => (
                "删除相关页面或文件，或停止对外提供访问",
                "remove the content, or stop serving it",
            ),
            Ask::SuspendDomain => (
                "停止相关域名的解析",
                "suspend the resolution of the domain name",
            ),
            Ask::Delist => (
                "下架相关应用，并删除其安装文件",
                "delist the app and delete its installation files",
            ),
            Ask::CutServer => (
                "关停相关控制服务器，或阻断其通信",
                "shut down the control server, or cut its traffic",
            ),
            Ask::CleanHost => (
                "清除主机上的恶意程序，并查明感染原因",
                "clean the host and find out how it was infected",
            ),
            Ask::InformUsers => (
                "通知受影响的用户，并协助其清除恶意程序",
                "inform the affected users and help them to clean their systems",
            ),
            Ask::RestoreSite => (
                "恢复网站原有内容，查明并修补被利用的漏洞",
                "restore the site, and find and close the hole that was used",
            ),
            Ask::FixVulnerability => ("核实并修补相关漏洞", "verify the vulnerability and fix it"),
            Ask::StopAbuse => (
                "查明原因，制止相关攻击或滥发行为",
                "find the cause and stop the abuse",
            ),
            Ask::Coordinate => (
                "协调责任单位核实处置",
                "have the responsible organization verify and resolve it",
            ),
        };
        pick(language, zh, en)
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let found = Ask::ALL.iter().find(|(ask, _)| ask == self);
        f.pad(found.map_or("", |(_, label)| label))
    }
}

impl<'de> serde::Deserialize<'de> for Ask {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let label = String::deserialize(from)?;
        Ask::named(&label).map_err(serde::de::Error::custom)
    }
}

/// What an answer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyCode {
    /// It is dealt with.
    Fixed,
    /// Somebody else answers for it.
    NotOurs,
    /// More must be known.
    NeedInformation,
}

impl ReplyCode {
    /// All, in the order in which they are offered.
    pub const ALL: [ReplyCode; 3] = [
        ReplyCode::Fixed,
        ReplyCode::NotOurs,
        ReplyCode::NeedInformation,
    ];

    /// The code itself.
    pub fn words(self, language: Lang) -> &'static str {
        let (zh, en) = match self {
            ReplyCode::Fixed => ("已处置", "FIXED"),
            ReplyCode::NotOurs => ("非我单位", "NOT OURS"),
            ReplyCode::NeedInformation => ("需补充信息", "NEED INFORMATION"),
        };
        pick(language, zh, en)
    }

    /// Reads the code that a line begins with, in either language and any case.
    pub fn read(line: &str) -> Option<ReplyCode> {
        let line = line.trim_start().to_uppercase();
        let said = |code: &ReplyCode| {
            [Lang::Zh, Lang::En]
                .iter()
                .any(|lang| line.starts_with(code.words(*lang)))
        };
        ReplyCode::ALL.into_iter().find(said)
    }
}

/// Why this party is asked, as half a sentence.
pub(super) fn standing(role: Role, language: Lang) -> &'static str {
    let (zh, en) = match role {
        Role::CloudProvider => (
            "所涉资源由贵单位提供云服务",
            "the resources concerned are hosted by you",
        ),
        Role::Registrar => (
            "所涉域名由贵单位提供注册服务",
            "the domain names concerned are registered through you",
        ),
        Role::Registry => (
            "所涉域名由贵单位管理",
            "the domain names concerned are in your registry",
        ),
        Role::AppPlatform => (
            "所涉应用或文件由贵单位的平台提供",
            "the apps or files concerned are offered on your platform",
        ),
        Role::ProvincialBranch => (
            "所涉单位位于贵分中心辖区",
            "the organizations concerned are in your province",
        ),
        Role::OverseasCert => (
            "所涉资源位于贵组织的服务范围",
            "the resources concerned are in your constituency",
        ),
        Role::NetworkOperator => (
            "所涉地址属于贵单位的网络",
            "the addresses concerned belong to your network",
        ),
        Role::SiteOwner => ("所涉网站由贵单位主办", "the site concerned is yours"),
        Role::EducationCert | Role::SectorCert => (
            "所涉单位属于贵组织服务的行业",
            "the organizations concerned are in your sector",
        ),
        Role::Reporter => ("所涉情况由您举报", "you reported it"),
    };
    pick(language, zh, en)
}

/// What a marking means to who holds the letter: a party, or a person who reported.
pub(super) fn marking(tlp: Tlp, language: Lang, to_party: bool) -> &'static str {
    if !to_party && tlp != Tlp::Clear {
        return pick(
            language,
            "请勿公开传播",
            "please do not publish this message",
        );
    }
    let (zh, en) = match tlp {
        Tlp::Clear => ("可不受限制地传播", "may be passed on without restriction"),
        Tlp::Green => (
            "可在同行范围内传播，不得公开",
            "may be passed on within the community, but not published",
        ),
        Tlp::Amber => (
            "限贵单位及其客户中确需知悉者",
            "for your organization and those of its clients who need to know",
        ),
        Tlp::AmberStrict => (
            "限贵单位内部确需知悉者",
            "for those within your organization who need to know",
        ),
        Tlp::Red => ("限收件人本人", "for the eyes of the named recipients only"),
    };
    pick(language, zh, en)
}

pub(crate) fn pick(language: Lang, zh: &'static str, en: &'static str) -> &'static str {
    match language {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Text of others in one line: control characters become spaces, what steers the direction of writing or
/// cannot be seen is dropped, and more than `most` characters are cut with an ellipsis.
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(4 * most));
    for (at, c) in text.chars().filter(|c| !is_invisible(*c)).enumerate() {
        if at == most {
            out.push('…');
            break;
        }
        out.push(if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        });
    }
    out.trim().to_owned()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A URL, host or address that no program makes a link of: `hxxp`, `[.]`. All dots are guarded, since the
/// name of a file (`setup.sh`) is a domain too. [`refang`] undoes it.
pub fn defang(text: &str) -> String {
    let text = line(text, 2000);
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.as_str()),
    };
    let mut out = match scheme.map(str::to_ascii_lowercase).as_deref() {
        None => String::new(),
        Some("http") => "hxxp://".to_owned(),
        Some("https") => "hxxps://".to_owned(),
        Some("ftp") => "fxp://".to_owned(),
        Some(other) => format!("{other}[:]//"),
    };
    for c in rest.chars() {
        match c {
            '.' => out.push_str("[.]"),
            // Also what looks like a dot to a resolver (UTS 46).
            '。' | '．' | '｡' => out.push_str("[。]"),
            c => out.push(c),
        }
    }
    out.replace("://", ":[//]")
        .replacen(":[//]", "://", usize::from(scheme.is_some()))
}

/// Undoes [`defang`] for what has no further address in it.
pub fn refang(text: &str) -> String {
    let text = text
        .replace("[.]", ".")
        .replace("[。]", "。")
        .replace("[:]//", "://")
        .replace(":[//]", "://");
    match text.split_once("://") {
        Some(("hxxp", rest)) => format!("http://{rest}"),
        Some(("hxxps", rest)) => format!("https://{rest}"),
        Some(("fxp", rest)) => format!("ftp://{rest}"),
        _ => text,
    }
}

/// An instant as the party reads it, and in UTC.
pub fn moment(at: Timestamp, zone: &TimeZone, language: Lang) -> String {
    let Some(at) = at.to_jiff() else {
        return at.to_string();
    };
    let local = at.to_zoned_datetime(zone.clone());
    let utc = at.strftime("%Y-%m-%d %H:%M UTC");
    let name = zone.iana_name().unwrap_or("UTC");
    if local.offset().is_zero() {
        return match language {
            Lang::Zh => local.strftime("%Y年%-m月%-d日%H:%M（UTC）").to_string(),
            Lang::En => local.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        };
    }
    match language {
        Lang::Zh => {
            let name = if name == "Asia/Shanghai" {
                "北京时间"
            } else {
                name
            };
            let day = local.strftime("%Y年%-m月%-d日%H:%M");
            format!("{day}（{name}，即 {utc}）")
        }
        Lang::En => {
            let day = local.strftime("%-d %B %Y, %H:%M");
            format!("{day} {name} ({utc})")
        }
    }
}

/// A date as the party reads it.
pub(super) fn date(at: Timestamp, zone: &TimeZone, language: Lang) -> String {
    let Some(at) = at.to_jiff() else {
        return at.to_string();
    };
    let local = at.to_zoned_datetime(zone.clone());
    match language {
        Lang::Zh => local.strftime("%Y年%-m月%-d日").to_string(),
        Lang::En => local.strftime("%-d %B %Y").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_defanged_can_be_clicked_and_all_comes_back() {
        for text in [
            "http://login.example.com/a.php?u=www.example.net",
            "HTTPS://192.0.2.1:8443/setup.sh",
            "ftp://files.example.com/x.zip",
            "login.example.com",
            "192.0.2.1",
            "2001:db8::1",
            "gopher://old.example.com/",
        ] {
            let safe = defang(text);
            assert!(
                !safe.to_lowercase().contains("http:") && !safe.contains("e.c"),
                "{safe}"
            );
            let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
            let back = refang(&safe);
            assert_eq!(
                back.split_once("://")
                    .map_or(back.as_str(), |(_, rest)| rest),
                rest
            );
            assert!(back.starts_with(&scheme.to_lowercase()), "{back}");
        }
        assert_eq!(
            defang("http://a.example/?u=http://b.example/"),
            "hxxp://a[.]example/?u=http:[//]b[.]example/"
        );
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(
            line("a\r\nBcc: x@example.com\u{202e}\u{200b}\0b", 99),
            "a  Bcc: x@example.com b"
        );
        assert_eq!(line("烽火台", 2), "烽火…");
    }

    #[test]
    fn times_are_the_partys_and_utc() {
        let at = Timestamp(1_673_222_400_000_000);
        let zone = TimeZone::get("Asia/Shanghai").expect("known");
        assert_eq!(
            moment(at, &zone, Lang::Zh),
            "2023年1月9日08:00（北京时间，即 2023-01-09 00:00 UTC）"
        );
        assert_eq!(
            moment(at, &zone, Lang::En),
            "9 January 2023, 08:00 Asia/Shanghai (2023-01-09 00:00 UTC)"
        );
        assert_eq!(
            moment(at, &TimeZone::UTC, Lang::En),
            "9 January 2023, 00:00 UTC"
        );
    }

    #[test]
    fn codes_are_read_as_they_are_offered() {
        for code in ReplyCode::ALL {
            for lang in Lang::ALL {
                assert_eq!(
                    ReplyCode::read(&format!(" {}: done", code.words(lang))),
                    Some(code)
                );
            }
        }
        assert_eq!(ReplyCode::read("fixed yesterday"), Some(ReplyCode::Fixed));
        assert_eq!(ReplyCode::read("It is fixed"), None);
    }
}
