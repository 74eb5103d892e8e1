//! Words for what people outside bring: appeals, answers in the portal, and what a receipt tells.

use crate::worded::worded;

worded! {
    /// What an appeal is about.
    AppealAbout ("subject of an appeal") {
        /// An entry of a block list.
        Listing = "listing", "封锁名单中的条目", "An entry of the block list";
        /// An incident that names them.
        Incident = "incident", "指向我的事件", "An incident that names me";
        /// Something of theirs was taken down that should not have been.
        Takedown = "takedown", "误下线、误停用", "Something of mine was taken down by mistake";
        /// Anything else.
        Other = "other", "其他", "Something else";
    }

    /// Where an appeal stands.
    AppealState ("state of an appeal") {
        /// A person must decide.
        Waiting = "waiting", "待决定", "Waiting";
        /// It was right.
        Upheld = "upheld", "成立", "Upheld";
        /// It was not.
        Declined = "declined", "不成立", "Declined";
    }

    /// What an entry of the portal is.
    PostKind ("kind of entry in the portal") {
        /// The party has the matter.
        Acknowledged = "acknowledged", "已签收", "Acknowledged";
        /// The party says that it acted.
        Fixed = "fixed", "已处置", "Marked fixed";
        /// The party does not agree.
        Disputed = "disputed", "有异议", "Disputed";
        /// The party takes its dispute back.
        Withdrawn = "withdrawn", "撤回异议", "Dispute withdrawn";
        /// The party wrote.
        Asked = "asked", "留言", "Message";
        /// The team wrote to the party.
        Told = "told", "中心答复", "Answer of the center";
    }

    /// Why a party does not agree.
    Dispute ("ground of a dispute") {
        /// It was gone before.
        Gone = "gone", "已经下线，贵方看到的可能是缓存", "It is down already; you may see a cache";
        /// Nothing is wrong with it.
        Legitimate = "legitimate", "内容是正当的", "What is there is legitimate";
        /// Somebody else answers for it.
        NotOurs = "not-ours", "不归我单位管", "It is not ours";
        /// Somebody else must decide first.
        Undecided = "undecided", "须先由法院或客户决定", "A court or a customer must decide first";
        /// Another one, in words.
        Other = "other", "其他，见说明", "Another reason, see the text";
    }

    /// How a matter stands for the party that was asked about it.
    MatterState ("state of a matter") {
        /// It was asked and did not answer.
        Asked = "asked", "待答复", "Waits for you";
        /// It answered.
        Answered = "answered", "已答复", "Answered";
        /// It says that it acted; looks find out.
        Acted = "acted", "核验中", "Being checked";
        /// Looks found it gone.
        Gone = "gone", "已核验消除", "No longer seen";
        /// It ended.
        Over = "over", "已办结", "Closed";
    }

    /// What became of a change that a party asked for.
    ChangeState ("state of a change") {
        /// A lead must decide.
        Waiting = "waiting", "待批准", "Waiting";
        /// It holds.
        Accepted = "accepted", "已批准", "Accepted";
        /// It does not.
        Declined = "declined", "未批准", "Declined";
    }

    /// What a receipt tells whoever holds it: the holder may be the phisher, so it is no more than this.
    Stage ("stage of a complaint") {
        /// It arrived.
        Received = "received", "已收到", "Received";
        /// Somebody works on it.
        Handling = "handling", "处理中", "Being handled";
        /// It ended, one way or the other.
        Closed = "closed", "已办结", "Closed";
    }
}
