//! Verifications: what a look at something is, and what it may conclude (issue 4.9). What is not
//! plainly gone is inconclusive, and inconclusive never counts as down.

use crate::worded::worded;

worded! {
    /// How it is looked at.
    ProbeKind ("probe") {
        /// A page by HTTP or HTTPS, with its redirects.
        Http = "http", "网页访问", "HTTP";
        /// The name's records, and whether the registry holds it.
        Dns = "dns", "域名解析", "DNS";
        /// Whether a TCP port answers.
        Tcp = "tcp", "端口探测", "TCP";
        /// The page on which a platform offers an app.
        Listing = "listing", "应用页面", "app listing";
        /// A page against what it was when it was defaced.
        Defacement = "defacement", "页面比对", "page difference";
        /// A person's own look.
        Person = "person", "人工核验", "by a person";
    }

    /// What a look found.
    Finding ("finding") {
        /// As harmful as before.
        Present = "present", "仍存在", "present";
        /// Gone: no such name, a hold, 404 or 410, delisted, restored.
        Gone = "gone", "已消除", "gone";
        /// The provider shows its notice of suspension.
        Suspended = "suspended", "已停用", "suspended";
        /// Something harmless is there now.
        Benign = "benign", "已无害", "benign";
        /// Nothing may be concluded: 403, time-out, blank, captcha, redirect to the brand.
        Inconclusive = "inconclusive", "无法判定", "inconclusive";
    }

    /// From where it was looked at.
    Client ("kind of client") {
        /// As the program is: an honest user agent from our own network.
        Plain = "plain", "普通", "plain";
        /// As a victim would: browser headers and the language and device of those it is meant for.
        Victim = "victim", "模拟受害者", "victim-like";
        /// No client at all: registration data and DNS only.
        Passive = "passive", "被动", "passive";
    }
}

impl Finding {
    /// Whether it counts towards down.
    pub fn is_down(self) -> bool {
        matches!(self, Finding::Gone | Finding::Suspended | Finding::Benign)
    }

    /// Whether it counts towards up.
    pub fn is_up(self) -> bool {
        self == Finding::Present
    }
}
