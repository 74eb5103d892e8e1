//! The fixed words of the pages, per language: headings, column heads, words beside colors.
//!
//! Only what belongs to the layout. Sentences, names, units and numbers come with the bulletin.

use model::bulletin::{Direction, Judgement, Lang, State};

/// The language tag of HTML and SVG.
pub fn html_lang(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-Hans",
        Lang::En => "en",
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $zh:literal, $en:literal;)*) => {
        /// The fixed words of one language.
        #[derive(Clone, Copy, Debug, serde::Serialize)]
        pub struct Words { $($(#[$doc])* pub $name: &'static str,)* }
        const ZH: Words = Words { $($name: $zh,)* };
        const EN: Words = Words { $($name: $en,)* };
    };
}

words! {
    /// Skip link.
    skip: "跳到指标", "Skip to the indicators";
    /// Language switch, for screen readers.
    language: "语言", "Language";
    /// Theme button.
    theme: "明暗", "Theme";
    /// Over the rating.
    situation: "本周态势", "Situation this week";
    /// Rating word where there is none.
    not_assessed: "未评定", "Not assessed";
    /// Under this week's step.
    this_week: "本周", "this week";
    /// Under last week's step.
    last_week: "上周", "last week";
    /// Disclosure of the working.
    working: "评级是怎样算出来的", "How the rating was worked out";
    /// Head of the working.
    indicator: "指标", "Indicator";
    /// Head of the working.
    baseline: "基线中位数", "Baseline median";
    /// Head of the working.
    ln_ratio: "对数比", "ln ratio";
    /// Head of the working.
    weight: "权重", "Weight";
    /// Head of the working.
    contribution: "贡献", "Contribution";
    /// Last row of the working.
    score: "综合得分", "Score";
    /// Last issue's score.
    previous_score: "上期得分", "Score of the last issue";
    /// Vulnerability level.
    vulnerability: "漏洞整体评级", "Vulnerability level";
    /// Board.
    indicators: "指标", "Indicators";
    /// Handling.
    handling: "本周处置", "What was done";
    /// Over the case of the week.
    lead: "本周案例", "Case of the week";
    /// News.
    news: "业界动态", "News";
    /// Before the address of a story's source.
    read_on: "原文", "Source";
    /// Coverage.
    coverage: "覆盖与方法", "Coverage and method";
    /// Earlier issues.
    recent: "近期回顾", "Recent issues";
    /// Downloads.
    files: "取用", "Downloads";
    /// All figures.
    all_values: "全部统计指标", "All figures";
    /// Head.
    statistic: "编号", "ID";
    /// Head.
    name: "名称", "Name";
    /// Head.
    value: "本周", "This week";
    /// Head.
    unit: "单位", "Unit";
    /// Head.
    previous: "上周", "Last week";
    /// Head.
    change: "环比", "Change";
    /// Over the column of changes in a chart.
    change_label: "环比", "change";
    /// Head.
    version: "定义版本", "Definition";
    /// No value.
    not_available: "不可得", "not available";
    /// Source line under charts.
    source: "来源", "Source";
    /// Sources of a tile.
    sources: "来源", "sources";
    /// Empty chart.
    no_data: "本周无可用数据", "No data this week";
    /// Note on a preliminary value.
    preliminary_value: "初步数", "preliminary";
    /// Preliminary note in charts.
    preliminary: "斜纹为不完整", "Hatched: incomplete";
    /// Corrections.
    corrections: "更正", "Corrections";
    /// Hash line.
    hash: "本期校验值", "Hash of this issue";
    /// Provenance.
    provenance: "数据依据", "Computed from";
    /// Snapshot.
    snapshot: "数据湖快照", "lake snapshot";
    /// Ledger.
    ledger: "台账截至", "ledger as of";
    /// Fonts.
    fonts: "字体", "fonts";
    /// Name of a sheet.
    read_me: "说明", "Read me";
    /// Name of a sheet.
    figures: "全部指标", "Figures";
    /// Name of a sheet.
    rating_sheet: "评级", "Rating";
    /// What the sheet of figures holds.
    figures_about: "每行一个统计指标。“本周”“上周”为基本单位的数值；“刊印”为本期正文的写法；空格表示不可得，不是零。", "One figure to a row. “This week” and “Last week” are numbers in the base unit; “As printed” is how the issue prints it; an empty cell is not available, never zero.";
    /// Head.
    issue: "期号", "Issue";
    /// Head.
    publisher: "发布单位", "Publisher";
    /// Head.
    printed: "刊印", "As printed";
    /// Head.
    exact: "精确值", "Exact";
    /// Head.
    change_percent: "环比%", "Change %";
    /// Head.
    complete_sources: "完整来源", "Complete sources";
    /// Head.
    expected_sources: "应有来源", "Expected sources";
    /// Head.
    note: "说明", "Note";
    /// Instead of a list that is too long for a form.
    figures_elsewhere: "全部统计指标见网页版和数据文件。", "All figures are in the web edition and the data files.";
    /// Link to the page, in mail.
    read_online: "网页版（含图表与数据）", "Read on the web, with charts and data";
    /// Link of a subscriber.
    unsubscribe: "退订", "Unsubscribe";
    /// Why one gets the mail.
    subscribed: "您收到本邮件，是因为订阅了本刊。", "You receive this mail because you subscribed to it.";
    /// Draft mark.
    draft: "草稿 未签发", "DRAFT, not approved";
    /// Published.
    published_before: "", "published ";
    /// Published.
    published_after: "发布", "";
    /// Colon.
    colon: "：", ": ";
    /// Comma between items.
    comma: "、", ", ";
}

impl Words {
    /// The words of a language.
    pub fn of(lang: Lang) -> &'static Words {
        match lang {
            Lang::Zh => &ZH,
            Lang::En => &EN,
        }
    }
}

/// The word of a judgement; none for what is neither good nor bad.
pub fn judgement(judgement: Judgement, lang: Lang) -> &'static str {
    match (judgement, lang) {
        (Judgement::Worse, Lang::Zh) => "变差",
        (Judgement::Worse, Lang::En) => "worse",
        (Judgement::Better, Lang::Zh) => "好转",
        (Judgement::Better, Lang::En) => "better",
        (Judgement::Neutral | Judgement::NotComparable, _) => "",
    }
}

/// The arrow of a direction.
pub fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "▲",
        Direction::Down => "▼",
        Direction::Flat => "–",
        Direction::None => "",
    }
}

/// The name of a chart or its table: `图1`, `Figure 1`.
pub fn chart(number: u32, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("图{number}"),
        Lang::En => format!("Figure {number}"),
    }
}

/// The disclosure of a chart's data.
pub fn chart_data(number: u32, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("图{number}数据表"),
        Lang::En => format!("Figure {number} data"),
    }
}

/// End of a line's past: `近52周最高`, `52-week high`; short for narrow charts.
pub fn band(end: BandEnd, weeks: u32, short: bool, lang: Lang) -> String {
    let word = match (end, lang) {
        (BandEnd::High, Lang::Zh) => "最高",
        (BandEnd::High, Lang::En) => "high",
        (BandEnd::Low, Lang::Zh) => "最低",
        (BandEnd::Low, Lang::En) => "low",
        (BandEnd::Median, Lang::Zh) => "中位数",
        (BandEnd::Median, Lang::En) => "median",
    };
    match (short, lang) {
        (true, Lang::Zh) => word.to_owned(),
        (true, Lang::En) => format!("{word} "),
        (false, Lang::Zh) => format!("近{weeks}周{word}"),
        (false, Lang::En) => format!("{weeks}-week {word} "),
    }
}

/// Which part of a past a label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandEnd {
    /// Highest.
    High,
    /// Median.
    Median,
    /// Lowest.
    Low,
}

/// The mark of a tile whose sources were incomplete: `来源5/6`, `5/6 sources`.
pub fn sources(complete: u32, expected: u32, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("来源{complete}/{expected}"),
        Lang::En => format!("{complete}/{expected} sources"),
    }
}

/// What a screen reader says of a tile's line.
pub fn spark_alt(name: &str, weeks: usize, range: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!(
            "{name}近{weeks}周走势{}{range}",
            if range.is_empty() { "" } else { "，" }
        ),
        Lang::En => format!(
            "{name}, last {weeks} weeks{}{range}",
            if range.is_empty() { "" } else { "; " }
        ),
    }
}

/// The state, where it must be shown.
pub fn state(state: State, lang: Lang) -> &'static str {
    match state {
        State::Draft => Words::of(lang).draft,
        State::Approved => "",
    }
}

/// The level bounds and the profile they come from.
pub fn cuts(cuts: &[String], profile: &str, version: u32, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!(
            "五级分界为{}。方案{profile}，第{version}版。",
            cuts.join("、")
        ),
        Lang::En => format!(
            "Bounds of the levels: {}. Profile {profile}, version {version}.",
            cuts.join(", ")
        ),
    }
}

/// The gates of the rating that held this week, or those that did not: each with the level it caps at.
pub fn gates(gates: &[(String, String)], applied: bool, lang: Lang) -> String {
    let told: Vec<String> = gates
        .iter()
        .map(|(name, cap)| match lang {
            Lang::Zh => format!("{name}（最高评“{cap}”）"),
            Lang::En => format!("{name} (no better than {cap})"),
        })
        .collect();
    match (lang, applied) {
        (Lang::Zh, true) => format!("本周触发的门槛：{}。", told.join("、")),
        (Lang::Zh, false) => format!("本周未触发的门槛：{}。", told.join("、")),
        (Lang::En, true) => format!("Gates applied this week: {}.", told.join(", ")),
        (Lang::En, false) => format!("Gates not applied this week: {}.", told.join(", ")),
    }
}

/// A person's decision against the proposal.
pub fn overridden(by: &str, proposed: &str, reason: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("系统提出“{proposed}”，由{by}改定：{reason}"),
        Lang::En => format!("Proposed: {proposed}; changed by {by}: {reason}"),
    }
}

/// A revision and its day.
pub fn revision(number: u32, day: &str, lang: Lang) -> String {
    let day_after = |comma: &str| {
        if day.is_empty() {
            String::new()
        } else {
            format!("{comma}{day}")
        }
    };
    match lang {
        Lang::Zh => format!("第{number}次修订{}", day_after("，")),
        Lang::En => format!("Revision {number}{}", day_after(", ")),
    }
}
