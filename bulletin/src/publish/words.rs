//! The fixed words of the site's pages, per language.

use model::bulletin::Lang;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $zh:literal, $en:literal;)*) => {
        /// The fixed words of one language.
        #[derive(Clone, Copy, Debug)]
        pub struct Words { $($(#[$doc])* pub $name: &'static str,)* }
        const ZH: Words = Words { $($name: $zh,)* };
        const EN: Words = Words { $($name: $en,)* };
    };
}

words! {
    /// Skip link.
    skip: "跳到正文", "Skip to the content";
    /// Main navigation, for screen readers.
    places: "栏目", "Site";
    /// Home.
    home: "本期", "Home";
    /// Archive.
    archive: "往期", "Archive";
    /// Statistics.
    statistics: "统计指标", "Statistics";
    /// Method.
    method: "方法", "Method";
    /// Open data.
    data: "开放数据", "Data";
    /// Search.
    search: "检索", "Search";
    /// Block lists.
    lists: "名单", "Block lists";
    /// What they are.
    lists_text: "可用于阻断的域名、地址和链接，供解析服务器、网关和终端使用。", "Names, addresses and URLs to block, for resolvers, gateways and hosts.";
    /// Nothing published.
    no_lists: "尚未发布名单。", "No list has been published yet.";
    /// Delisting.
    delisting: "申请解除", "To be taken off";
    /// The form for it.
    delisting_form: "在线申请", "Ask online";
    /// How they work.
    lists_how: "怎样使用", "How to use them";
    /// Flash alerts.
    alerts: "紧急通报", "Flash alerts";
    /// Roll-ups.
    rollups: "月报、季报和年报", "Months, quarters and years";
    /// Language switch.
    language: "语言", "Language";
    /// Theme button.
    theme: "明暗", "Theme";
    /// The link to the whole issue.
    read: "阅读全文", "Read the issue";
    /// Downloads of the issue.
    downloads: "下载", "Download";
    /// Lead story.
    lead: "本期案例", "Case of the week";
    /// Earlier issues.
    earlier: "往期周报", "Earlier issues";
    /// All issues.
    all_issues: "全部往期", "All issues";
    /// Subscribe.
    subscribe: "订阅", "Subscribe";
    /// Subscribe.
    subscribe_text: "新一期、更正和撤回都会出现在订阅源中。", "New issues, corrections and withdrawals appear in the feeds.";
    /// What open data is.
    data_text: "各期全部统计指标可下载并再利用。", "All figures of all issues, to download and reuse.";
    /// No issue yet.
    no_issue: "第一期尚未发布。", "The first issue has not been published yet.";
    /// What comes.
    no_issue_text: "发布后，本页显示最新一期的评级、指标和处置情况。", "Once it is, this page shows its rating, indicators and what was done.";
    /// Issues.
    issue: "期次", "Issue";
    /// Week.
    week: "统计周", "Week";
    /// Rating.
    rating: "评级", "Rating";
    /// Published.
    published: "发布", "Published";
    /// Files.
    files: "文件", "Files";
    /// Remark on an issue.
    state: "说明", "Remark";
    /// Withdrawn.
    withdrawn: "已撤回", "Withdrawn";
    /// Corrected.
    corrected: "已更正", "Corrected";
    /// Correction.
    correction: "更正", "Correction";
    /// Withdrawal.
    withdrawal: "撤回", "Withdrawal";
    /// Level over the squares of a year.
    archive_text: "每格一期，颜色为当周评级。", "One square an issue, in the colour of its rating.";
    /// Latest value.
    latest: "最新", "Latest";
    /// 13 weeks.
    recent_weeks: "近13周", "13 weeks";
    /// ID.
    id: "编号", "ID";
    /// Name.
    name: "名称", "Name";
    /// Unit.
    unit: "单位", "Unit";
    /// Definition version.
    version: "定义版本", "Definition version";
    /// Definition.
    definition: "定义", "Definition";
    /// Distinct key.
    key: "去重对象", "Distinct key";
    /// Window.
    window: "时间范围", "Window";
    /// Territory.
    territory: "地域", "Territory";
    /// Formula.
    formula: "公式", "Formula";
    /// Needed feeds.
    needs: "所需数据", "Data needed";
    /// Printed as.
    printed: "刊印方式", "Printed as";
    /// Change.
    change: "环比", "Change on the week before";
    /// Coverage.
    coverage: "覆盖", "Coverage";
    /// Breaks.
    breaks: "序列中断", "Breaks in the series";
    /// All weeks.
    all_weeks: "逐周数据", "Week by week";
    /// Value.
    value: "数值", "Value";
    /// Parts of the newest week.
    parts: "构成", "Breakdown";
    /// Imported.
    imported: "转录自过去刊印的周报", "transcribed from printed back issues";
    /// Incomplete.
    incomplete: "来源不完整", "sources incomplete";
    /// Not available.
    not_available: "不可得", "not available";
    /// No figure ever.
    no_value: "尚无可用数值。", "No value is available yet.";
    /// No change stated.
    not_stated: "不作环比", "not stated";
    /// Stated.
    stated: "与上一期的冻结数相比", "against the frozen figure of the issue before";
    /// Fewer is better.
    fewer: "越少越好", "fewer is better";
    /// Neutral.
    neutral: "无好坏之分", "neither better nor worse";
    /// Incidents of the ledger.
    ledger: "在本系统处置的事件，不需要数据源", "incidents handled here; no feed";
    /// Counting rules.
    rules: "计数规则", "Counting rules";
    /// Rating.
    rating_method: "态势评级", "The rating";
    /// Indicator.
    indicator: "指标", "Indicator";
    /// Weight.
    weight: "权重", "Weight";
    /// Corrections.
    corrections: "更正与撤回", "Corrections and withdrawals";
    /// Citation.
    cite: "引用方式", "How to cite";
    /// Licence.
    licence: "许可", "Licence";
    /// Contact.
    contact: "联系", "Contact";
    /// No licence set.
    no_licence: "发布单位未声明许可，再利用前请联系发布单位。", "The publisher states no licence: ask before reuse.";
    /// Columns.
    column: "列", "Column";
    /// Meaning.
    meaning: "含义", "Meaning";
    /// Query.
    query: "检索词", "Search for";
    /// Search button.
    go: "检索", "Search";
    /// Search hint.
    search_hint: "检索各期标题、正文和指标。中文可输入词或短语，英文按词匹配，多个词之间用空格隔开。", "Titles, sentences and figures of every issue. Separate words with spaces; all of them must occur.";
    /// Without script.
    search_script: "检索需要脚本。没有脚本时，可按年份查阅往期，或查阅各项统计指标。", "The search needs a script. Without one, browse the archive by year or the statistics.";
    /// 404.
    lost: "没有这个页面", "There is no such page";
    /// 404.
    lost_text: "地址可能有误，或页面已移动。已发布的各期周报地址永久不变。", "The address may be mistyped. Addresses of published issues never change.";
    /// Colon.
    colon: "：", ": ";
    /// Comma.
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
