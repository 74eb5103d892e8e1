//! Notices: one message to one contact, and how far its delivery is.

use crate::worded::worded;

worded! {
    /// Why a notice is written.
    NoticeKind ("kind of notice") {
        /// Asks for the first time.
        First = "first", "通报", "notice";
        /// Asks the same contact again.
        Reminder = "reminder", "催办", "reminder";
        /// Asks another contact of the same party.
        OtherContact = "other-contact", "转联系人", "to another contact";
        /// Asks another party because the first did not act in time.
        SecondParty = "second-party", "升级", "to the second party";
        /// Takes back what was said.
        Retraction = "retraction", "撤回", "retraction";
        /// Tells a reporter that the complaint arrived.
        Receipt = "receipt", "受理回执", "receipt";
        /// Tells a reporter how it ended.
        Outcome = "outcome", "办结告知", "outcome";
        /// Answers a mail that came in, in a person's words.
        Answer = "answer", "复信", "answer";
    }

    /// How far a notice is.
    NoticeState ("state of a notice") {
        /// Waits for a person's approval; says why.
        Held = "held", "待审批", "held";
        /// May go out.
        Ready = "ready", "待发送", "ready";
        /// Handed to the other side; whether it was taken is not known yet.
        Sending = "sending", "发送中（结果未知）", "sending, outcome unknown";
        /// Taken by the other side.
        Sent = "sent", "已发送", "sent";
        /// Came back.
        Bounced = "bounced", "被退回", "bounced";
        /// A person must carry it: the channel is manual.
        Task = "task", "人工待办", "to be done by hand";
        /// Given up.
        Failed = "failed", "失败", "failed";
        /// Not sent, and not to be.
        Cancelled = "cancelled", "已取消", "cancelled";
        /// Sunk in an exercise.
        Exercise = "exercise", "演练", "exercise";
    }
}

impl NoticeKind {
    /// Whether it asks a party to act, and so starts or goes on with a directive.
    pub fn asks(self) -> bool {
        !matches!(
            self,
            NoticeKind::Retraction | NoticeKind::Receipt | NoticeKind::Outcome | NoticeKind::Answer
        )
    }
}

impl NoticeState {
    /// Whether the state may become `to`. A retry goes from sending back to ready and keeps its
    /// Message-ID.
    pub fn may_become(self, to: NoticeState) -> bool {
        use NoticeState::*;
        match self {
            Held => matches!(to, Ready | Task | Cancelled),
            Ready => matches!(to, Held | Sending | Cancelled | Exercise),
            Sending => matches!(to, Sent | Ready | Failed | Bounced),
            Sent => matches!(to, Bounced),
            Task => matches!(to, Sent | Failed | Cancelled),
            Failed => matches!(to, Ready | Cancelled),
            Bounced | Cancelled | Exercise => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worded::Word;

    #[test]
    fn nothing_held_is_sent_without_approval() {
        assert!(!NoticeState::Held.may_become(NoticeState::Sending));
        assert!(!NoticeState::Held.may_become(NoticeState::Sent));
        for from in [NoticeState::Cancelled, NoticeState::Exercise] {
            for to in NoticeState::ALL {
                assert!(!from.may_become(*to), "{from} to {to}");
            }
        }
    }
}
