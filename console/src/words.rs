//! What pages say, in both languages, as tables: a key that lacks a language does not compile.
//!
//! `words! { Name { key: "中文", "English"; ... } }` makes a struct whose fields are the keys; a template says
//! `{{ w.key }}`. Text with places (`{n}`) goes through [`fill`], which leaves no place behind unnoticed.

use model::bulletin::Lang;

/// Makes a table of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($key:ident: $zh:literal, $en:literal;)+ }) => {
        $(#[$meta])*
        pub(crate) struct $name { $(pub(crate) $key: &'static str,)+ }

        #[allow(dead_code)]
        impl $name {
            /// The table in a language.
            pub(crate) fn of(lang: ::model::bulletin::Lang) -> &'static Self {
                static ZH: $name = $name { $($key: $zh,)+ };
                static EN: $name = $name { $($key: $en,)+ };
                match lang {
                    ::model::bulletin::Lang::Zh => &ZH,
                    ::model::bulletin::Lang::En => &EN,
                }
            }

            /// Every key with its texts, for tests.
            pub(crate) const PAIRS: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($key), $zh, $en),)+];
        }
    };
}

pub(crate) use words;

/// Puts values into the places of a text: `{name}`. What a value holds is no place.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        debug_assert!(value.is_some(), "a place is left: {name} in {text}");
        if let Some((_, value)) = value {
            out.push_str(&isolated(value.to_string()));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A value that holds letters written from right to left, kept apart from the sentence it stands in (UAX #9, 2.4);
/// what would turn the sentence itself stands as a sign that it was there.
fn isolated(value: String) -> String {
    // What was put together from such values already stays as it is.
    let mut depth = 0_i32;
    let closed = value.chars().all(|c| {
        depth += i32::from(c == '\u{2068}') - i32::from(c == '\u{2069}');
        depth >= 0
    });
    let closed = closed && depth == 0;
    let turns = |c: char| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}' => true,
        '\u{2068}' | '\u{2069}' => !closed,
        _ => false,
    };
    let is_from_right = |c: char| {
        matches!(
            c,
            '\u{590}'..='\u{8ff}'
                | '\u{fb1d}'..='\u{fdff}'
                | '\u{fe70}'..='\u{fefc}'
                | '\u{10800}'..='\u{10fff}'
                | '\u{1e800}'..='\u{1efff}'
        )
    };
    if !value.chars().any(|c| turns(c) || is_from_right(c)) {
        return value;
    }
    let safe = value.chars().map(|c| if turns(c) { '\u{fffd}' } else { c });
    std::iter::once('\u{2068}')
        .chain(safe)
        .chain(['\u{2069}'])
        .collect()
}

/// A word of a closed list in a language.
pub(crate) fn word<W: model::worded::Word>(word: W, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => word.zh(),
        Lang::En => word.en(),
    }
}

words! {
    /// What stands around every page.
    ShellWords {
        product: "烽火", "Watchfire";
        skip: "跳到正文", "Skip to content";
        side: "侧栏", "Sidebar";
        nav: "主导航", "Main navigation";
        nav_small: "移动导航", "Small navigation";
        menu: "打开菜单", "Open menu";
        overview: "总览", "Overview";
        incidents: "事件", "Incidents";
        events: "监测记录", "Events";
        notices: "通报", "Notices";
        inbox: "收件", "Inbox";
        parties: "处置单位", "Parties";
        feeds: "数据源", "Feeds";
        vulnerabilities: "漏洞", "Vulnerabilities";
        bulletin: "周报编辑台", "Bulletin desk";
        statistics: "统计指标", "Statistics";
        duty: "值班", "Duty";
        exercise: "演练", "Exercise";
        audit: "审计", "Audit";
        settings: "设置", "Settings";
        portal: "本单位", "My organization";
        find: "查找事件、地址、单位", "Find incidents, addresses, parties";
        other_language: "English", "中文";
        sign_out: "退出", "Sign out";
        account: "账户", "Account";
        my_account: "我的账户", "My account";
        theme_light: "浅色", "Light";
        theme_dark: "深色", "Dark";
        theme_auto: "跟随系统", "As the system";
        complaints: "公众投诉", "Complaints";
        appeals: "申诉", "Appeals";
        answers: "单位答复", "Parties' answers";
        on_duty: "值班", "On duty";
        off_duty: "无人值班", "Nobody on duty";
        exercise_banner: "演练用工作区：其中没有真实事件，不向外发送。", "A workspace for exercises: nothing in it is real, and nothing leaves it.";
        sending_on: "可发送", "Sending on";
        sending_off: "未启用发送", "Not armed";
        sending_stopped: "已停止发送", "Sending stopped";
        needs_hand: "项待处理", "need a hand";
        close: "关闭", "Close";
        not_found: "没有此页", "Nothing is here";
        not_found_text: "地址有误，或您无权查看。", "The address is wrong, or it is not yours to see.";
        back_home: "回到总览", "Back to the overview";
        failed: "未能完成", "That did not work";
        full_text: "暂时无法接收：您提交的内容没有保存，请一小时后再试。", "Nothing more can be taken at present. What you sent was not kept: send it again in an hour.";
        refused: "未予受理", "Refused";
        request_id: "请求编号", "Request id";
        none: "无", "none";
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn a_value_from_right_to_left_does_not_turn_its_sentence() {
        let by = |who: &str| fill("by {who}, twice", &[("who", &who)]);
        assert_eq!(by("an"), "by an, twice");
        assert_eq!(by("{who} {"), "by {who} {, twice");
        assert_eq!(
            by("\u{5e9}\u{5dc}"),
            "by \u{2068}\u{5e9}\u{5dc}\u{2069}, twice"
        );
        assert_eq!(
            by("a\u{202e}b\u{2069}"),
            "by \u{2068}a\u{fffd}b\u{fffd}\u{2069}, twice"
        );
    }

    /// The places of a text.
    fn places(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn both_languages_have_the_same_places_and_none_is_empty() {
        for (table, pairs) in crate::pages::tables() {
            for (key, zh, en) in pairs {
                assert!(!zh.is_empty() && !en.is_empty(), "{table}.{key}");
                assert_eq!(places(zh), places(en), "{table}.{key}");
            }
        }
    }
}
