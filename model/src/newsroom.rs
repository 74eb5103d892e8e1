//! Who may do what to an issue, and when an issue is due: the rules of the newsroom (issue life, DESIGN
//! invariant 9).

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::time::{ReportingWeek, Timestamp};
use crate::worded::worded;

worded! {
    /// What a person of the house does. One may hold several.
    AccountRole ("role of an account") {
        /// Reads.
        Viewer = "viewer", "查阅", "Viewer";
        /// Works on incidents.
        Analyst = "analyst", "分析员", "Analyst";
        /// Leads the shift.
        Lead = "lead", "值班长", "Lead";
        /// Writes the bulletin.
        Editor = "editor", "编辑", "Editor";
        /// Signs the bulletin.
        Approver = "approver", "签发人", "Approver";
        /// Keeps accounts and configuration.
        Administrator = "administrator", "管理员", "Administrator";
        /// Belongs to another organization.
        Party = "party", "处置单位", "Party";
    }

    /// What an act needs.
    Right ("right") {
        /// Read what the house keeps.
        View = "view", "查阅", "read";
        /// Look at incidents, have notices sent, answer mail.
        Work = "work", "处置", "work on incidents";
        /// Lead the shift: arm and stop sending, hand over, decide on the register.
        Lead = "lead", "带班", "lead the shift";
        /// See and answer what one's own organization was asked.
        Answer = "answer", "答复", "answer for an organization";
        /// Draft, edit, freeze, decide corrections.
        Edit = "edit", "编辑", "edit the bulletin";
        /// Review a revision, comment, acknowledge findings.
        Review = "review", "审阅", "review the bulletin";
        /// Approve, withdraw.
        Approve = "approve", "签发", "approve the bulletin";
        /// Publish what is approved.
        Publish = "publish", "发布", "publish the bulletin";
        /// Keep accounts and deputies.
        Administer = "administer", "管理", "keep accounts";
    }

    /// A step in the life of an issue.
    Step ("step") {
        /// Its dates were set.
        Plan = "plan", "排期", "planned";
        /// Its figures were frozen.
        Freeze = "freeze", "定稿数据", "figures frozen";
        /// Its figures were frozen anew, for a stated reason; every approval is void.
        Refreeze = "refreeze", "重新定稿数据", "figures frozen anew";
        /// Its prose was changed.
        Edit = "edit", "编辑", "prose edited";
        /// A revision was composed.
        Draft = "draft", "起草", "drafted";
        /// It was checked.
        Lint = "lint", "校核", "checked";
        /// A person accepted a finding of the check, with a reason.
        Acknowledge = "acknowledge", "说明", "finding acknowledged";
        /// A reviewer found it good.
        Review = "review", "审阅通过", "reviewed";
        /// A reviewer wants changes.
        Return = "return", "退回修改", "returned";
        /// It was signed.
        Approve = "approve", "签发", "approved";
        /// It was published.
        Publish = "publish", "发布", "published";
        /// It was taken back.
        Withdraw = "withdraw", "撤回", "withdrawn";
        /// It was put away.
        Archive = "archive", "归档", "archived";
    }

    /// How the newest revision of an issue stands.
    EditionState ("state of an issue") {
        /// There is no revision yet.
        Planned = "planned", "已排期", "planned";
        /// A revision is written.
        Drafted = "drafted", "已起草", "drafted";
        /// Somebody else read it.
        Reviewed = "reviewed", "已审阅", "reviewed";
        /// It is signed.
        Approved = "approved", "已签发", "approved";
        /// It is public.
        Published = "published", "已发布", "published";
        /// It was taken back.
        Withdrawn = "withdrawn", "已撤回", "withdrawn";
        /// It is public and put away: no correction is expected.
        Archived = "archived", "已归档", "archived";
    }

    /// What became of a proposed correction.
    CorrectionState ("state of a correction") {
        /// Nobody decided.
        Open = "open", "待定", "open";
        /// The issue is to be corrected.
        Accepted = "accepted", "采纳", "accepted";
        /// The printed figure stands.
        Declined = "declined", "不采纳", "declined";
    }
}

impl AccountRole {
    /// Whether this role carries a right.
    pub fn carries(self, right: Right) -> bool {
        match right {
            Right::View => !matches!(self, AccountRole::Party),
            Right::Work => matches!(self, AccountRole::Analyst | AccountRole::Lead),
            Right::Lead => matches!(self, AccountRole::Lead),
            Right::Answer => matches!(self, AccountRole::Party),
            Right::Edit => matches!(self, AccountRole::Editor),
            Right::Review => matches!(
                self,
                AccountRole::Editor | AccountRole::Approver | AccountRole::Lead
            ),
            Right::Approve => matches!(self, AccountRole::Approver),
            Right::Publish => matches!(self, AccountRole::Editor | AccountRole::Approver),
            Right::Administer => matches!(self, AccountRole::Administrator),
        }
    }
}

/// When the figures of a week are frozen and when its issue is due, as weekday and time of day after the
/// week's end, in the reporting zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From here on the first draft freezes the figures.
    pub freeze: (Weekday, Time),
    /// When the issue is due.
    pub deadline: (Weekday, Time),
}

impl Default for Schedule {
    /// Monday 08:00 and Friday 12:00.
    fn default() -> Self {
        Schedule {
            freeze: (Weekday::Monday, Time::constant(8, 0, 0, 0)),
            deadline: (Weekday::Friday, Time::constant(12, 0, 0, 0)),
        }
    }
}

/// A schedule's text is no weekday and time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no weekday and time: write it as in \"friday 12:00\"")]
pub struct NoMoment(pub String);

/// A day of the week by its English name in small letters; `None` is none.
pub fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// Reads `friday 12:00`.
///
/// # Errors
/// [`NoMoment`].
pub fn moment(text: &str) -> Result<(Weekday, Time), NoMoment> {
    let fail = || NoMoment(text.to_owned());
    let (day, time) = text.trim().split_once(' ').ok_or_else(fail)?;
    let day = weekday(&day.to_ascii_lowercase()).ok_or_else(fail)?;
    let time = Time::strptime("%H:%M", time.trim()).map_err(|_| fail())?;
    Ok((day, time))
}

impl Schedule {
    /// When the figures of a week may be frozen.
    pub fn freeze_of(&self, week: ReportingWeek, zone: &TimeZone) -> Timestamp {
        at(week, self.freeze, zone)
    }

    /// When the issue about a week is due.
    pub fn deadline_of(&self, week: ReportingWeek, zone: &TimeZone) -> Timestamp {
        at(week, self.deadline, zone)
    }

    /// The day on which the issue about a week is due.
    pub fn due_day(&self, week: ReportingWeek) -> Date {
        day(week, self.deadline.0)
    }
}

/// The weekday in the seven days after the week.
fn day(week: ReportingWeek, weekday: Weekday) -> Date {
    let monday = week.plus(1).monday();
    let after = i64::from(weekday.to_monday_zero_offset());
    monday
        .checked_add(jiff::Span::new().days(after))
        .unwrap_or(monday)
}

fn at(week: ReportingWeek, moment: (Weekday, Time), zone: &TimeZone) -> Timestamp {
    let civil = day(week, moment.0).to_datetime(moment.1);
    match civil.to_zoned_datetime(zone.clone()) {
        Ok(zoned) => Timestamp::from(zoned.timestamp()),
        // Beyond the calendar's end: no issue is due there.
        Err(_) => Timestamp(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_issue_is_due_on_the_friday_after_its_week() {
        let week = ReportingWeek::containing(date(2023, 1, 12));
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let schedule = Schedule::default();
        let text = |at: Timestamp| at.to_jiff().unwrap().to_string();
        assert_eq!(
            text(schedule.freeze_of(week, &zone)),
            "2023-01-16T00:00:00Z"
        );
        assert_eq!(
            text(schedule.deadline_of(week, &zone)),
            "2023-01-20T04:00:00Z"
        );
        assert_eq!(schedule.due_day(week), date(2023, 1, 20));
    }

    #[test]
    fn moments_are_read_or_refused() {
        let noon = Time::constant(12, 0, 0, 0);
        assert_eq!(moment("friday 12:00"), Ok((Weekday::Friday, noon)));
        assert_eq!(moment(" Sunday  12:00"), Ok((Weekday::Sunday, noon)));
        for wrong in ["", "friday", "fryday 12:00", "friday 25:00", "friday noon"] {
            assert_eq!(moment(wrong), Err(NoMoment(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn nobody_approves_by_a_role_that_writes() {
        for role in <AccountRole as crate::worded::Word>::ALL {
            assert!(
                !(role.carries(Right::Edit) && role.carries(Right::Approve)),
                "{role}"
            );
        }
    }
}
