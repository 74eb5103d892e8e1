//! What must be right before an issue is signed (DOMAIN rules 1.4a to 1.4d, section 7 item 14).
//!
//! Published weeklies of the real series carry slips of five kinds: a wrong baseline week, swapped labels, a
//! chart and a text that disagree, a part larger than its whole, a stale figure repeated. Each is a rule here
//! that blocks approval. [`RULES`] is a plain table; [`lint`] runs it over a [`Subject`] and gives [`Finding`]s.
//!
//! A finding that [`Severity::Blocks`] cannot be waived: something in the issue is wrong and can be put right.
//! One that [`Severity::Asks`] may be true as it stands, so a named person acknowledges it with a reason; the
//! acknowledgement holds for that [`Finding::fingerprint`], and so only while the finding says the same.
//!
//! Nothing here reads a file, a clock or the ledger, except [`closures::ClosureProfile::read`].

pub mod closures;
pub mod extract;
pub mod prints;

mod addresses;
mod alert;
mod baseline;
mod captions;
mod figures;
mod labels;
mod past;
mod prose;
mod release;
mod sources;

use model::bulletin::{Bulletin, Text, Tlp};
use model::feed::Feed;
use model::issue::IssueNumber;
use model::statistic::Words;
use serde::Serialize;

use crate::editorial::Editorial;
use crate::frozen::FrozenWeek;
use crate::restate::past_as_now;
use crate::sections::figures::{Figures, Names};
use crate::suppress::suppressed;
use closures::ClosureProfile;
use extract::Extract;
use prints::Print;

pub use alert::{Alert, AlertFinding, alert};
pub use baseline::correction_note;

/// What a finding does to the approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be approved until it is put right.
    Blocks,
    /// It cannot be approved until a named person has said why it stands.
    Asks,
}

/// Which revision of last week's issue the changes are computed against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Last week's issue.
    pub issue: IssueNumber,
    /// Its revision.
    pub revision: u32,
    /// It is published, and the latest that is.
    pub published: bool,
    /// It corrects what was published first.
    pub corrected: bool,
    /// It was withdrawn: its figures are barred as a baseline.
    pub withdrawn: bool,
}

/// Everything the lint looks at.
pub struct Subject<'a> {
    /// The issue.
    pub bulletin: &'a Bulletin,
    /// The week it is made from, as frozen, before suppression.
    pub frozen: &'a FrozenWeek,
    /// The weeks before, newest first, imported back issues among them.
    pub past: &'a [FrozenWeek],
    /// What is known of last week's issue; `None` where none was counted here.
    pub baseline: Option<Baseline>,
    /// What the editor wrote.
    pub editorial: &'a Editorial,
    /// The feeds as configured now.
    pub feeds: &'a [Feed],
    /// What was found in each rendered form ([`extract`]).
    pub outputs: &'a [Extract],
    /// When incidents were closed; `None` where none was ever handled here.
    pub closures: Option<&'a ClosureProfile>,
    /// Names of provinces and sectors, as composed with.
    pub names: &'a Names<'a>,
    /// Whether everybody may read it.
    pub public: bool,
    /// The marking of its series.
    pub series_tlp: Tlp,
    /// Issues of the series that are published: what it may link to.
    pub published: &'a [IssueNumber],
    /// Files that are published with it, as it links to them; empty: not known yet, links are not checked.
    pub files: &'a [String],
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// What it does to the approval.
    pub severity: Severity,
    /// What it is about: a statistic's key, `section websites`, `block lead`, `chart provinces`.
    pub object: String,
    /// What is wrong, with the numbers.
    pub text: Text,
    /// What to do.
    pub remedy: Text,
}

impl Finding {
    /// Names exactly what the finding says: an acknowledgement of another text is none of this one.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in [self.rule, &self.object, &self.text.zh, &self.text.en] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// A row of the table of rules.
pub struct Rule {
    /// Stable identifier.
    pub id: &'static str,
    /// What must hold.
    pub checks: Words,
    /// Where the rule comes from, and why.
    pub why: &'static str,
    /// What a finding does to the approval.
    pub severity: Severity,
    /// Looks for what breaks it.
    check: fn(&Desk<'_>, &mut Report<'_>),
}

/// What the rules share: the subject, and what it must say.
struct Desk<'a> {
    subject: &'a Subject<'a>,
    /// The weeks before as they were printed, newest first.
    printed: &'a [FrozenWeek],
    /// The week as it may be printed.
    shown: FrozenWeek,
    /// The week directly before, as it may be printed.
    last: Option<FrozenWeek>,
    /// Every figure printed anew from the frozen weeks.
    expected: Figures,
    /// Every number printed in the issue.
    prints: Vec<Print>,
}

/// Collects what one rule finds.
struct Report<'a> {
    rule: &'a Rule,
    found: Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, object: impl Into<String>, text: Text, remedy: Text) {
        self.found.push(Finding {
            rule: self.rule.id,
            severity: self.rule.severity,
            object: object.into(),
            text,
            remedy,
        });
    }
}

macro_rules! rules {
    ($($id:literal $severity:ident $zh:literal / $en:literal, $why:literal => $check:path;)*) => {
        /// Every rule, in the order in which they are read.
        pub const RULES: &[Rule] = &[
            $(Rule { id: $id, checks: Words::new($zh, $en), why: $why, severity: Severity::$severity, check: $check },)*
        ];
    };
}

rules! {
    "sum" Blocks "各部分之和等于总数" / "parts add up to their whole",
        "DOMAIN 1.4: M1 = M2 + M3 as printed in 20 of 20 weeks, V2 + V3 + V4 = V1" => figures::sums;
    "part" Blocks "部分不大于整体" / "no part is larger than its whole",
        "DOMAIN 1.4b: a part larger than its whole was printed" => figures::parts;
    "quotient" Blocks "占比和平均数与其分子、分母相符" / "shares and means follow from what they divide",
        "DOMAIN 1.4b: 6.2 was printed as 5" => figures::quotients;
    "frozen" Blocks "刊印的数就是冻结的数" / "every figure is that of the frozen week",
        "DESIGN invariant 1: a published number comes from stored records only" => figures::frozen;
    "print" Blocks "正文、表、图中的数与所引用的指标一致" / "text, tables and charts print the figure they refer to",
        "DOMAIN 1.4b: a caption with 501 domains stood beside 2,114 in the text" => figures::printed;
    "caption" Blocks "图题中的数在图中" / "a number in a chart's caption is one of the chart's",
        "DOMAIN 1.4b: a caption with 501 domains stood beside 2,114 in the text" => captions::captions;
    "chart-table" Blocks "图与其数据表一致" / "a chart and its data table agree",
        "issue 5: text = chart = table = JSON" => captions::chart_tables;
    "outputs" Blocks "各种版式中的数一致" / "every rendered form prints the same figures",
        "issue 5: text = chart = table = JSON" => figures::outputs;
    "baseline" Blocks "环比以上一周已发布的数为基准" / "changes are against the week directly before",
        "DOMAIN 1.4b: the week of 2015-09-21 printed changes against the week before last" => baseline::changes;
    "baseline-withdrawn" Blocks "已撤回的期不作基准" / "a withdrawn issue is no baseline",
        "issue 5: figures of a withdrawn issue are barred as baseline" => baseline::withdrawn;
    "baseline-note" Blocks "基准经过更正的，加注说明" / "a corrected baseline is footnoted",
        "issue 5: the baseline is the latest published revision, footnoted where corrected" => baseline::corrected;
    "baseline-unpublished" Asks "基准为已发布的修订" / "the baseline is a published revision",
        "DOMAIN 1.4b: last week's figure comes from the frozen published issue" => baseline::unpublished;
    "change-wording" Blocks "环比的写法符合规则" / "changes are worded by rule",
        "DOMAIN 1.4c, 1.4d: flat is unchanged and never 0.0%, from 0 has no per cent, nothing comparable is left out" => baseline::wording;
    "small-base" Blocks "基数不足10不写百分比" / "no per cent on a base under 10",
        "DOMAIN 1.4c, item 43: +110.0% was 20 to 42, +11.1% was 9 to 10" => baseline::small_base;
    "small-share" Asks "总数不足10的占比" / "a share of fewer than 10",
        "DOMAIN item 43: a per cent of a handful misleads" => figures::small_shares;
    "definition" Blocks "名称、单位和版本与指标定义一致" / "name, unit and version are those of the definition",
        "DOMAIN 1.4b: labels were swapped" => labels::definitions;
    "former" Blocks "定义改变后，旧定义并列至少四周" / "a changed definition runs beside the one before for four weeks",
        "issue 5: a changed definition runs beside the old one for at least four weeks" => labels::former;
    "label" Blocks "数字旁的说法与指标相符" / "the words beside a number are about what it counts",
        "DOMAIN 1.4b: a line of defaced government sites was labelled backdoored" => labels::words;
    "repeat" Asks "与以往某周相同的数" / "a figure identical to an earlier week's",
        "DOMAIN 1.4b: 645 backdoored sites were printed in two different weeks" => past::repeated;
    "range" Asks "超出近52周范围的数" / "a figure far outside the last 52 weeks",
        "issue 5: range against 52 weeks" => past::range;
    "sources" Blocks "来源不完整须标明" / "incomplete sources are marked",
        "DESIGN invariant 4; DOMAIN item 21" => sources::completeness;
    "break" Blocks "来源有变化须标明断点" / "a changed source is a marked break",
        "DOMAIN item 10: 5.07 million and 0.28 million hosts were both good" => sources::breaks;
    "licence" Blocks "数据源许可允许公布" / "the terms of every source allow what is printed",
        "issue 5: a feed whose licence does not allow what is printed" => sources::licences;
    "licence-unknown" Asks "数据源许可不明" / "the terms of a source are not known",
        "issue 5: a feed whose licence does not allow what is printed" => sources::unknown_licences;
    "small-cell" Blocks "可能指向受害方的小数不公布" / "no cell small enough to name a victim",
        "issue 5: suppressed with complementary suppression in every output" => release::small_cells;
    "closure-rush" Asks "截稿前集中办结" / "incidents closed in a rush before the cut-off",
        "issue 5: a closure rush before the cut-off" => release::closure_rush;
    "tlp" Blocks "公开发布的内容为TLP:CLEAR" / "a public issue is TLP:CLEAR, none is less restricted than its series",
        "FIRST TLP 2.0" => release::tlp;
    "recent-link" Blocks "所链接的往期已发布" / "linked back issues are published",
        "DOMAIN 1.6: five issues with links" => release::recent_links;
    "file-link" Blocks "所链接的文件存在" / "linked files are published with it",
        "issue 5: broken link" => release::file_links;
    "translation" Blocks "中英文齐全" / "nothing lacks its translation",
        "issue 5: missing translation" => prose::translations;
    "stale-translation" Blocks "英文译自现在的中文" / "the English is of the Chinese that stands",
        "issue 5: an English block whose Chinese source has changed since" => prose::stale;
    "untranslated" Asks "英文中不留中文" / "no Chinese is left in the English",
        "issue 5: missing translation" => prose::untranslated;
    "languages" Blocks "中英文引用的数相同" / "both languages cite the same figures",
        "DESIGN invariant 1: what one language prints the other does" => prose::languages;
    "reference" Blocks "引用的指标存在且有数" / "references lead to figures that are there",
        "editorial: prose cites figures by reference only" => prose::references;
    "bare-number" Blocks "文中的数只能引用" / "prose holds no number but by reference",
        "issue 5: prose may cite figures only by reference so that they cannot drift" => prose::bare_numbers;
    "marked-number" Asks "标为它数的数与本期指标相同" / "a number marked as none of ours is one of ours",
        "issue 5: prose may cite figures only by reference so that they cannot drift" => prose::marked_numbers;
    "placed" Blocks "文字都有位置" / "every block has its place",
        "editorial: a remark on a section that is absent is left out" => prose::placed;
    "link" Blocks "外部链接为https地址" / "outside links are https addresses",
        "issue 5: broken link" => addresses::links;
    "live-indicator" Blocks "恶意地址须去活" / "indicators are defanged",
        "a reader, or a mail program, follows what can be followed" => addresses::live_indicators;
    "direction-mark" Blocks "不含改变书写方向的控制符" / "no mark that turns the direction of writing",
        "a name or address with such a mark reads otherwise than it is" => addresses::direction_marks;
    "bare-domain" Asks "文中的域名" / "a domain name in the prose",
        "a reader, or a mail program, follows what can be followed" => addresses::bare_domains;
    "named-indicator" Asks "文中指明的恶意地址" / "an indicator named in the prose",
        "feeds that allow counts need not allow indicators" => addresses::named_indicators;
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Runs every rule. What blocks comes first; within that the order of [`RULES`], then of the issue.
pub fn lint(subject: &Subject<'_>) -> Vec<Finding> {
    let printed = subject.past;
    // Changes and ranges are against the past as this week restates it.
    let past = past_as_now(subject.frozen, printed);
    let subject = &Subject {
        past: &past,
        baseline: subject.baseline.clone(),
        ..*subject
    };
    let shown = suppressed(subject.frozen);
    let last = subject
        .past
        .iter()
        .find(|past| past.week == subject.frozen.week.previous())
        .map(suppressed);
    let desk = Desk {
        expected: Figures::of(&shown, last.as_ref(), subject.names),
        prints: prints::of(subject.bulletin),
        subject,
        printed,
        shown,
        last,
    };
    let mut found: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| {
            let mut report = Report {
                rule,
                found: Vec::new(),
            };
            (rule.check)(&desk, &mut report);
            report.found
        })
        .collect();
    found.sort_by_key(|finding| finding.severity);
    found
}

impl Desk<'_> {
    fn bulletin(&self) -> &Bulletin {
        self.subject.bulletin
    }
}

/// Remedy: draft the issue again.
fn redraft() -> Text {
    Text::new("重新起草本期", "draft the issue again")
}

/// Remedy: a fault of the program.
fn fault() -> Text {
    Text::new(
        "重新起草本期；仍如此则是程序缺陷，请报告",
        "draft the issue again; if it stays it is a fault of the program: report it",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_have_ids_of_their_own_and_say_what_and_why() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(
                !rule.checks.zh.is_empty() && !rule.checks.en.is_empty() && !rule.why.is_empty()
            );
            assert!(
                rule.id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            );
        }
    }

    #[test]
    fn a_fingerprint_is_of_what_is_said() {
        let finding = |text: &str| Finding {
            rule: "range",
            severity: Severity::Asks,
            object: "M1".to_owned(),
            text: Text::same(text),
            remedy: Text::default(),
        };
        assert_eq!(finding("a").fingerprint(), finding("a").fingerprint());
        assert_ne!(finding("a").fingerprint(), finding("b").fingerprint());
    }
}
