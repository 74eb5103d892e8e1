//! The values of a form's fields, source by source, in the reader's language; and what its footer says.

use std::collections::BTreeSet;

use ledger::ClockState;
use model::bulletin::Lang;
use model::grade::Standing;
use model::ids::OrganizationId;
use model::incident::Border;
use model::organization::Role;
use model::time::Timestamp;
use model::worded::Word;

use super::{House, Layout, Matter, Row, Source};
use crate::duty::{Duty, Law};
use crate::notice::words::{self, pick};

/// Characters of one line at most: what is longer belongs into an annex, and a page is not to burst.
const LONGEST: usize = 2_000;

/// Writes the values of one form.
pub(super) struct Pen<'a> {
    pub(super) duty: &'a Duty,
    pub(super) matter: &'a Matter<'a>,
    pub(super) house: &'a House<'a>,
    pub(super) language: Lang,
}

impl Pen<'_> {
    pub(super) fn say<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn word<W: Word>(&self, word: W) -> &'static str {
        pick(self.language, word.zh(), word.en())
    }

    fn at(&self, at: i64) -> String {
        words::moment(Timestamp(at), self.house.zone, self.language)
    }

    /// A line that names what stands in it.
    fn named(&self, (zh, en): (&str, &str), value: &str) -> String {
        match self.language {
            Lang::Zh => format!("{zh}：{value}"),
            Lang::En => format!("{en}: {value}"),
        }
    }

    fn organization(&self, id: OrganizationId) -> String {
        let found = self.matter.organizations.get(&id);
        found.map_or_else(
            || id.to_string(),
            |found| found.name(self.language.code()).to_owned(),
        )
    }

    /// The value of a source in lines; none where nobody stated it.
    pub(super) fn value(&self, from: Source) -> Vec<String> {
        let (one, clock) = (self.matter.incident, self.matter.clock);
        let lines: Vec<String> = match from {
            Source::Number => {
                let elsewhere = one.external_number.as_deref();
                let elsewhere = elsewhere.map(|own| self.named(("外部编号", "elsewhere"), own));
                [Some(format!("#{}", one.number)), elsewhere]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Source::Marking => {
                let until = one.embargo_until.map(|at| self.at(at));
                let until = until.map(|at| self.named(("限制发布至", "under embargo until"), &at));
                [Some(self.word(one.tlp.0).to_owned()), until]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Source::To => vec![self.say(&self.duty.to_zh, &self.duty.to_en).to_owned()],
            Source::Due => clock
                .map(|clock| self.at(clock.due_at))
                .into_iter()
                .collect(),
            Source::Reported => self.done().map(|(at, _)| self.at(at)).into_iter().collect(),
            Source::Reporter => self.done().map(|(_, by)| by).into_iter().collect(),
            Source::Kind => vec![self.word(one.kind.0).to_owned()],
            // An address in it is made one that nobody follows by accident, as below.
            Source::What => vec![one.what.replace("://", "[:]//")],
            Source::Unit => self.unit(),
            Source::HandledBy => vec![match &one.owner {
                None => self.house.name.get(self.language).to_owned(),
                Some(owner) => owner
                    .parse::<OrganizationId>()
                    .map_or_else(|_| owner.clone(), |id| self.organization(id)),
            }],
            Source::System => self.system(),
            Source::Place => vec![self.matter.place.to_owned()],
            Source::Border => {
                let why = one.border.split_whitespace();
                let why = why.filter_map(|label| label.parse::<Border>().ok());
                why.map(|why| self.word(why).to_owned()).collect()
            }
            Source::Known => self
                .matter
                .grade
                .map(|grade| self.at(grade.known_at))
                .into_iter()
                .collect(),
            Source::Opened => vec![self.at(one.opened_at)],
            Source::Occurred => {
                let (first, last) = (self.at(one.first_seen_at), self.at(one.last_seen_at));
                match first == last {
                    true => vec![first],
                    false => vec![
                        self.named(("首次", "first"), &first),
                        self.named(("最近", "last"), &last),
                    ],
                }
            }
            Source::Grade => self
                .matter
                .grade
                .and_then(|stored| stored.grade)
                .map(|grade| match self.language {
                    Lang::Zh => format!("{}（{}级）", grade.zh(), grade.roman()),
                    Lang::En => format!("{} ({})", grade.roman(), grade.zh()),
                })
                .into_iter()
                .collect(),
            Source::Basis => self.basis(),
            Source::Impact => self.impact(),
            Source::Measures => self.measures(),
            Source::State => self.state(),
            Source::House => vec![self.house.name.get(self.language).to_owned()],
            Source::Contact => vec![self.house.phone.to_owned(), self.house.address.to_owned()],
            Source::ByHand => Vec::new(),
        };
        let lines = lines.iter().map(|text| words::line(text, LONGEST));
        lines.filter(|text| !text.is_empty()).collect()
    }

    /// When the report was made, and by whom.
    fn done(&self) -> Option<(i64, String)> {
        let ended = self.matter.clock;
        let clock = ended.filter(|clock| clock.state == ClockState::Done)?;
        Some((clock.ended_at?, clock.ended_by.clone()?))
    }

    fn unit(&self) -> Vec<String> {
        let owners = self.matter.directives.iter();
        let owners = owners.filter(|one| one.role.0 == Role::SiteOwner);
        let ids: BTreeSet<OrganizationId> = owners
            .filter_map(|one| one.organization_id.map(|id| id.0))
            .collect();
        let brand = self.matter.incident.brand.as_deref();
        let brand = brand.map(|brand| self.named(("被仿冒品牌", "brand imitated"), brand));
        ids.into_iter()
            .map(|id| self.organization(id))
            .chain(brand)
            .collect()
    }

    fn system(&self) -> Vec<String> {
        let one = self.matter.incident;
        let network = one.asn.map(|asn| format!("AS{asn}"));
        [
            (("主机", "host"), one.host.as_deref().map(words::defang)),
            (("地址", "address"), one.ip.as_deref().map(words::defang)),
            (("网络", "network"), network),
            (("网址", "URL"), one.url.as_deref().map(words::defang)),
            (("名称", "name"), one.name.clone()),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some(self.named(label, &value?)))
        .collect()
    }

    fn basis(&self) -> Vec<String> {
        let Some(stored) = self.matter.grade else {
            return Vec::new();
        };
        let rows = stored.schemes.iter().filter_map(|said| {
            let (row, grade) = (said.row.as_ref()?, said.grade?);
            Some(format!("{}/{row}: {}", said.scheme, grade.roman()))
        });
        let why = [
            self.named(("理由", "reason"), &stored.reason),
            self.named(("定级人", "graded by"), &stored.by),
        ];
        rows.chain(why).collect()
    }

    fn impact(&self) -> Vec<String> {
        let Some(stored) = self.matter.grade else {
            return Vec::new();
        };
        let facts = &stored.facts;
        let importance = facts
            .importance
            .map(|one| self.named(("系统重要程度", "importance of the system"), self.word(one)));
        let loss = facts
            .loss
            .map(|one| self.named(("系统损失", "loss"), self.word(one)));
        let extent = facts
            .extent
            .map(|one| self.named(("影响范围", "extent"), self.word(one)));
        let measured = facts
            .measured
            .iter()
            .map(|(measure, count)| self.named((measure.zh(), measure.en()), &count.to_string()));
        let marks = facts.marks.iter().map(|mark| self.word(*mark).to_owned());
        [importance, loss, extent]
            .into_iter()
            .flatten()
            .chain(measured)
            .chain(marks)
            .collect()
    }

    fn measures(&self) -> Vec<String> {
        let one = self.matter.incident;
        let asked = self.matter.directives.iter();
        let asked = asked.filter(|party| party.asked_at.is_some()).count();
        let acted = self.matter.directives.iter();
        let acted = acted.filter(|party| party.acted_at.is_some()).count();
        let sent = self.matter.notices.iter();
        let sent = sent
            .filter(|notice| notice.kind.0.asks() && notice.sent_at.is_some())
            .count();
        let counts = [
            (("已通报的单位数", "parties asked"), asked),
            (("已发出的通报数", "notices sent"), sent),
            (("答复已处置的单位数", "parties that say they acted"), acted),
            (("核验次数", "looks"), self.matter.looks.len()),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        let counts = counts.map(|(label, count)| self.named(label, &count.to_string()));
        let steps = [
            (("核实", "found true"), one.validated_at),
            (("首次通报", "first notice"), one.noticed_at),
            (("首次签收", "first acknowledged"), one.acknowledged_at),
        ];
        let steps = steps.into_iter();
        let steps = steps.filter_map(|(label, at)| Some(self.named(label, &self.at(at?))));
        steps.chain(counts).collect()
    }

    fn state(&self) -> Vec<String> {
        let one = self.matter.incident;
        let how = one.resolution.map(|how| self.word(how.0).to_owned());
        let gone = one.gone_at.map(|at| self.at(at));
        let gone = gone.map(|at| self.named(("核验消除", "found gone"), &at));
        let closed = one.closed_at.map(|at| self.at(at));
        let closed = closed.map(|at| self.named(("办结", "closed"), &at));
        let last = self.matter.looks.last().map(|look| {
            let comma = pick(self.language, "，", ", ");
            let found = format!("{}{comma}{}", self.word(look.finding.0), self.at(look.at));
            self.named(("最近一次核验", "last look"), &found)
        });
        [
            Some(self.word(one.state.0).to_owned()),
            how,
            gone,
            closed,
            last,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What is to be known of the form: what is blank, what is not confirmed, on what it rests.
    pub(super) fn footer(&self, law: &Law, layout: &Layout, rows: &[Row]) -> Vec<String> {
        let mut out = Vec::new();
        let blank = rows.iter().filter(|row| row.is_blank()).count();
        if blank > 0 {
            out.push(match self.language {
                Lang::Zh => format!("空白 {blank} 项系统中没有记录，请人工填写。"),
                Lang::En => format!("{blank} blank: not on record, to be filled in by hand."),
            });
        }
        if rows.iter().any(Row::is_open) {
            out.push(match self.language {
                Lang::Zh => format!(
                    "* 未经核对（unconfirmed）：报告内容依据“{}”，报送前请与正式文本核对。",
                    layout.source
                ),
                Lang::En => format!(
                    "* unconfirmed: that the law asks for it rests on {}; check it against the official text before you send it.",
                    layout.source
                ),
            });
        }
        if self.duty.standing != Standing::Confirmed {
            let note = self.duty.note.as_deref().unwrap_or_default();
            let standing = self.word(self.duty.standing);
            let told = match self.language {
                Lang::Zh => format!("此项报告义务及其时限：{standing}（unconfirmed）。{note}"),
                Lang::En => format!("unconfirmed: the duty and its time are {standing}. {note}"),
            };
            out.push(told.trim().to_owned());
        }
        out.extend(
            Some(self.say(&layout.remark_zh, &layout.remark_en).to_owned())
                .filter(|remark| !remark.is_empty()),
        );
        out.push(match self.language {
            Lang::Zh => format!(
                "依据：{}（{}，自 {} 起施行；来源：{}）；{}",
                law.zh, law.id, law.in_force, law.source, self.duty.id
            ),
            Lang::En => format!(
                "Rests on: {} ({}, in force since {}; read at {}); {}",
                law.en, law.id, law.in_force, law.source, self.duty.id
            ),
        });
        out
    }
}
