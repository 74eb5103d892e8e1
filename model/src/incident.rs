//! Incidents: what a case is about, how far it is, how it ended, and the one function by which it
//! gets from one state to the next (DOMAIN 5.2).

use serde::{Deserialize, Serialize};

use crate::worded::worded;

worded! {
    /// What a case is about: decides whom to ask for what (DOMAIN 4.2 and 5.1).
    CaseKind ("kind of case") {
        /// A page that imitates another.
        Phishing = "phishing", "网页仿冒", "Phishing page";
        /// An address at which a malicious app is offered.
        MaliciousApp = "malicious-app", "恶意APP链接", "Malicious app URL";
        /// An address at which other malware is offered.
        MalwareHosting = "malware-hosting", "恶意程序传播", "Malware download";
        /// A server that commands bots.
        ControlServer = "control-server", "木马僵尸网络控制端", "Botnet control server";
        /// A server that commands malware on phones.
        MobileControlServer = "mobile-control-server", "移动互联网恶意程序控制端", "Mobile control server";
        /// A host that malware runs on.
        InfectedHost = "infected-host", "受控主机", "Infected host";
        /// A site whose content somebody else changed.
        Defacement = "defacement", "网页篡改", "Defacement";
        /// A site with a hidden way in.
        Backdoor = "backdoor", "网站后门", "Backdoored site";
        /// A weakness of a system that is in use.
        Vulnerability = "vulnerability", "安全漏洞", "Vulnerability";
        /// Abuse of mail.
        Spam = "spam", "垃圾邮件", "Spam";
        /// Attacks from an address: scans, guesses of passwords, floods.
        Attack = "attack", "网络攻击", "Attack";
        /// Anything else.
        Other = "other", "其他", "Other";
    }

    /// How far an incident is.
    IncidentState ("state of an incident") {
        /// Opened; nobody has looked.
        Open = "open", "待核实", "Open";
        /// Found true, by a named person or a rule that is trusted to.
        Validated = "validated", "已核实", "Validated";
        /// At least one party was asked.
        Notified = "notified", "已通报", "Notified";
        /// A party said that it has the notice.
        Acknowledged = "acknowledged", "已签收", "Acknowledged";
        /// A party said that it acted.
        Acted = "acted", "已处置", "Acted";
        /// Independent looks found it gone.
        Gone = "gone", "已核验消除", "Verified gone";
        /// Ended, with a resolution.
        Closed = "closed", "已办结", "Closed";
        /// Became part of another incident.
        Merged = "merged", "已合并", "Merged";
    }

    /// How an incident ended.
    Resolution ("resolution") {
        /// Removed by who could.
        TakenDown = "taken-down", "已下线", "Taken down";
        /// Resolution of the name was stopped.
        Suspended = "suspended", "已停止解析", "Suspended";
        /// The host was cleaned.
        Cleaned = "cleaned", "已清除", "Cleaned";
        /// The hole was closed.
        Patched = "patched", "已修复", "Patched";
        /// The site is as it was.
        Restored = "restored", "已恢复", "Restored";
        /// The party does not act.
        Refused = "refused", "拒绝处置", "Refused";
        /// It never was one.
        Invalid = "invalid", "不成立", "Invalid";
        /// The same matter is handled under another number.
        Duplicate = "duplicate", "重复", "Duplicate";
        /// Nobody answered and nothing changed.
        NoResponse = "no-response", "无回应", "No response";
        /// Closed with others because it is old; counts nowhere as handled.
        Stale = "stale", "过期批量办结", "Stale";
        /// It went elsewhere and is handled there.
        Moved = "moved", "已转移", "Moved";
    }

    /// Which of three kinds of weight the harm has; ordered from the least.
    Severity ("severity") {
        /// Worth a note.
        Low = "low", "低", "Low";
        /// Ordinary.
        Medium = "medium", "中", "Medium";
        /// Before others.
        High = "high", "高", "High";
        /// Now.
        Critical = "critical", "紧急", "Critical";
    }

    /// Why an incident crosses the border; several may hold (DOMAIN 5.2).
    Border ("reason of crossing the border") {
        /// Who reported it is abroad.
        Reporter = "reporter", "举报方在境外", "reporter abroad";
        /// The victim or the imitated brand is abroad.
        Victim = "victim", "受害方在境外", "victim or brand abroad";
        /// The address it lies at is abroad.
        Hosting = "hosting", "托管在境外", "hosted abroad";
        /// The registrar of the name is abroad.
        Registrar = "registrar", "注册商在境外", "registrar abroad";
        /// Who is asked to act is abroad.
        Party = "party", "处置方在境外", "handling party abroad";
    }
}

impl Resolution {
    /// Whether the harm ended: what the handling figures call dealt with.
    pub fn ends_harm(self) -> bool {
        use Resolution::*;
        matches!(self, TakenDown | Suspended | Cleaned | Patched | Restored)
    }

    /// Whether an incident that ended so may count as handled at all (issue 4.11: invalid, duplicate
    /// and bulk-stale closures are left out; refused and no-response are shown apart).
    pub fn counts(self) -> bool {
        !matches!(
            self,
            Resolution::Invalid | Resolution::Duplicate | Resolution::Stale
        )
    }
}

/// What happens to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Somebody, or a rule that two people trust, found it true.
    Validate,
    /// A notice about it went out.
    Notify,
    /// A party has it.
    Acknowledge,
    /// A party says it acted.
    Act,
    /// Enough independent looks found it gone.
    FindGone,
    /// A look found it there again.
    FindBack,
    /// It ends.
    Close(Resolution),
    /// It is opened again by a person.
    Reopen,
    /// It becomes part of another.
    Merge,
}

/// A step that the state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is {from}: {reason}")]
pub struct Refused {
    /// The state it is in.
    pub from: IncidentState,
    /// Why not, and what would be needed.
    pub reason: &'static str,
}

impl IncidentState {
    /// Whether work is left to do.
    pub fn is_live(self) -> bool {
        !matches!(self, IncidentState::Closed | IncidentState::Merged)
    }

    /// The state after a step. The only way states change; a step that says nothing new (a second
    /// notice, a later acknowledgement) leaves the state as it is.
    ///
    /// # Errors
    /// The step is not allowed from here.
    pub fn after(self, step: Step) -> Result<IncidentState, Refused> {
        use IncidentState::*;
        let refuse = |reason| Err(Refused { from: self, reason });
        match (self, step) {
            (Merged, _) => refuse("work on the incident it became part of"),
            (Closed, Step::Reopen | Step::FindBack) => Ok(Validated),
            (Closed, _) => refuse("reopen it first"),
            (_, Step::Reopen) => refuse("it is not closed"),
            (_, Step::Merge) => Ok(Merged),
            (Open, Step::Validate) => Ok(Validated),
            (_, Step::Validate) => Ok(self),
            (Open, Step::Notify) => refuse("nothing goes out before it is validated"),
            (Open, Step::Acknowledge | Step::Act) => refuse("nobody was asked yet"),
            (Validated, Step::Notify) => Ok(Notified),
            (_, Step::Notify) => Ok(self),
            (Validated | Notified, Step::Acknowledge) => Ok(Acknowledged),
            (_, Step::Acknowledge) => Ok(self),
            (Validated | Notified | Acknowledged, Step::Act) => Ok(Acted),
            (_, Step::Act) => Ok(self),
            (_, Step::FindGone) => Ok(Gone),
            (Gone, Step::FindBack) => Ok(Validated),
            (_, Step::FindBack) => Ok(self),
            (_, Step::Close(resolution)) => self.close(resolution),
        }
    }

    fn close(self, resolution: Resolution) -> Result<IncidentState, Refused> {
        use IncidentState::*;
        let refuse = |reason| Err(Refused { from: self, reason });
        match resolution {
            Resolution::Invalid | Resolution::Duplicate | Resolution::Stale => Ok(Closed),
            Resolution::TakenDown | Resolution::Suspended if self != Gone => {
                refuse("a takedown needs a verification that found it gone")
            }
            Resolution::Cleaned | Resolution::Patched | Resolution::Restored
                if !matches!(self, Gone | Acted) =>
            {
                refuse("a party must have said that it acted, or a verification found it gone")
            }
            Resolution::Refused | Resolution::NoResponse if matches!(self, Open | Validated) => {
                refuse("nobody was asked yet")
            }
            Resolution::Moved if self == Open => refuse("validate it first"),
            _ => Ok(Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worded::Word;

    #[test]
    fn labels_round_trip_and_are_unique() {
        for kind in CaseKind::ALL {
            assert_eq!(kind.label().parse::<CaseKind>(), Ok(*kind));
        }
        let told = "phish".parse::<CaseKind>().expect_err("is none");
        assert!(
            told.to_string().contains("phishing, malicious-app"),
            "{told}"
        );
    }

    #[test]
    fn nothing_leaves_before_validation_and_no_takedown_without_a_look() {
        use IncidentState::*;
        assert!(Open.after(Step::Notify).is_err());
        assert!(Acted.after(Step::Close(Resolution::TakenDown)).is_err());
        assert_eq!(Gone.after(Step::Close(Resolution::TakenDown)), Ok(Closed));
        assert_eq!(Closed.after(Step::FindBack), Ok(Validated));
    }

    #[test]
    fn a_reply_alone_never_ends_an_incident() {
        for from in IncidentState::ALL {
            for step in [Step::Acknowledge, Step::Act, Step::Notify] {
                let after = from.after(step);
                assert_ne!(after, Ok(IncidentState::Closed), "{from} {step:?}");
            }
        }
    }

    #[test]
    fn merged_is_final_and_closed_only_reopens() {
        let steps = [
            Step::Validate,
            Step::Notify,
            Step::Acknowledge,
            Step::Act,
            Step::FindGone,
            Step::Close(Resolution::Invalid),
            Step::Merge,
        ];
        for step in steps {
            assert!(IncidentState::Merged.after(step).is_err(), "{step:?}");
            assert!(IncidentState::Closed.after(step).is_err(), "{step:?}");
        }
    }
}
