//! Words of the duty desk: what somebody on a shift is, how a swap and an alarm stand.

use crate::newsroom::Right;
use crate::worded::worded;

worded! {
    /// What somebody is on a shift.
    DutyRole ("role on a shift") {
        /// Looks at what comes in.
        Officer = "officer", "值班员", "Duty officer";
        /// Leads the shift; alarms climb to them.
        Lead = "lead", "值班长", "Shift lead";
        /// At home, to be called.
        Backup = "backup", "备勤", "On call";
    }

    /// How a swap stands.
    SwapState ("state of a swap") {
        /// The other side was asked.
        Asked = "asked", "待对方答复", "asked";
        /// The other side accepted; a lead must approve.
        Accepted = "accepted", "待值班长同意", "waits for a lead";
        /// The shift has changed hands.
        Done = "done", "已换班", "swapped";
        /// Refused, by the other side or a lead.
        Declined = "declined", "未同意", "declined";
        /// Taken back by who asked.
        Withdrawn = "withdrawn", "已撤回", "withdrawn";
    }

    /// How grave an alarm is.
    AlarmSeverity ("severity of an alarm") {
        /// Good to know on the next working day.
        Low = "low", "低", "low";
        /// To be looked at on this shift.
        Medium = "medium", "中", "medium";
        /// To be looked at within the hour.
        High = "high", "高", "high";
        /// Somebody must get up.
        Critical = "critical", "紧急", "critical";
    }

    /// What an alarm is about.
    AlarmRule ("rule of an alarm") {
        /// A statutory clock passed half, four fifths or all of its time.
        Clock = "clock", "法定时限", "statutory clock";
        /// A feed gives nothing any more.
        Feed = "feed", "数据源中断", "feed outage";
        /// The disk is nearly full.
        Disk = "disk", "磁盘将满", "disk nearly full";
        /// Work of the system stands still.
        Standstill = "standstill", "系统停滞", "standstill";
        /// The bulletin is due soon and not published.
        Bulletin = "bulletin", "周报截稿", "bulletin deadline";
        /// A critical incident is new.
        Incident = "incident", "紧急事件", "critical incident";
        /// Many notices came back.
        Bounces = "bounces", "大量退信", "many bounces";
        /// Something promised is due.
        Promise = "promise", "承诺到期", "promise due";
        /// Tried by a person.
        Trial = "trial", "试警", "trial";
    }

    /// By which way an alarm leaves.
    AlarmWay ("way of an alarm") {
        /// Mail.
        Mail = "mail", "邮件", "mail";
        /// A signed post.
        Webhook = "webhook", "推送", "webhook";
        /// A gateway for short messages.
        Gateway = "gateway", "短信网关", "gateway";
    }
}

impl DutyRole {
    /// The right that whoever has this role needs.
    pub fn needs(self) -> Right {
        match self {
            DutyRole::Officer | DutyRole::Backup => Right::Work,
            DutyRole::Lead => Right::Lead,
        }
    }
}
