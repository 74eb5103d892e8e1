//! Why the ledger refuses, in Chinese. The ledger speaks English, for programs, logs and the command line; a Chinese page
//! says the same from this table. A reason without a row here fails the test below, so that none is forgotten; one that
//! holds a name or a number is shown as it is.

use model::bulletin::Lang;

use crate::refusal::Refusal;

/// Reasons as the ledger writes them, and in Chinese.
const REASONS: &[(&str, &str)] = &[
    (
        "is approved: a correction must say what changed",
        "已签发，更正须写明改了什么",
    ),
    ("is signed by two people", "须由两人分别签字"),
    ("was taken already", "已经有人接班"),
    (
        "cannot take over: it does not work on the centre's incidents",
        "不能接班：该账户不处理本中心的事件",
    ),
    (
        "has a second factor already: take it off first",
        "已设第二步验证，请先取消",
    ),
    (
        "an identity without a subject is nobody's",
        "外部身份缺少标识，无法对应到人",
    ),
    (
        "the subject has an account, or the account has another subject, already",
        "该外部身份或该账户已另有对应",
    ),
    ("needs a reason: say why", "请写明理由"),
    (
        "a comment says something: write what is to be changed",
        "意见不能为空，请写明要改什么",
    ),
    (
        "has a newer revision that is not public: publish it first",
        "有更新的修订尚未发布，请先发布",
    ),
    ("runs already for this incident", "该事件的这项时限已在计时"),
    ("has ended: start another", "已经结束，请另起一个"),
    ("was ended by somebody else meanwhile", "刚才已被他人结束"),
    (
        "is started, stopped and waived by a named person, not by the machine",
        "只能由具名人员开始、结束或免除",
    ),
    (
        "starts not after now and is over after that",
        "开始时间不能晚于现在，到期须在开始之后",
    ),
    (
        "ends after its start and not after now",
        "结束时间须在开始之后，且不晚于现在",
    ),
    (
        "no name was given: say --as NAME",
        "没有写明是谁：请用 --as 指明",
    ),
    (
        "is not known: see `watchfire users list`",
        "没有这个账户，见 `watchfire users list`",
    ),
    ("is closed", "已停用"),
    (
        "is no login: a to z, 0 to 9, dot, hyphen and underscore, at most 64 of them",
        "账户名只能用小写字母、数字、点、短横线和下划线，最多 64 个",
    ),
    (
        "would leave no administrator: give one account the role administrator first",
        "这样就没有管理员了，请先给另一个账户管理员角色",
    ),
    ("has ended: open another", "已经结束，请另建一个"),
    ("needs a name and a reason", "请写明名称和理由"),
    (
        "became part of another: name that one",
        "已并入另一个，请用那一个",
    ),
    (
        "an open one has this name: add to it",
        "已有同名且未结束的，请归入它",
    ),
    ("needs a name and a kind of change", "请写明名称和变更种类"),
    (
        "its subscription ended: make a new one",
        "订阅已经结束，请新建",
    ),
    ("the same id is listed twice", "同一个编号列了两次"),
    ("says what, and to whom", "请写明答应了什么、答应了谁"),
    ("must be due after now", "到期时间须晚于现在"),
    ("names one of your incidents", "只能关联您能处理的事件"),
    ("ends with what came of it", "请写明结果"),
    ("was ended already", "已经结束"),
    (
        "was not given up: only what was given up is put back to work",
        "并未放弃，只有已放弃的才能重新交办",
    ),
    (
        "other work on it is under way",
        "正在对该期进行其他处理，请稍候",
    ),
    (
        "its release needs a reason and a name",
        "解除须写明理由和姓名",
    ),
    (
        "a hold was placed meanwhile: preview the rules and apply them again",
        "其间新设了保全，请重新预览后再执行",
    ),
    (
        "a hold covers other events by now: preview the rules and apply them again",
        "保全所涉监测记录已有变化，请重新预览后再执行",
    ),
    (
        "is closed: write to us instead",
        "已经办结，如有话说请给我们留言",
    ),
    ("the message is empty", "留言是空的"),
    ("no dispute of yours holds its time", "您没有正在处理的异议"),
    ("the answer is empty", "答复是空的"),
    ("is nobody of the centre", "不是本中心的人"),
    ("has another shift at that time", "该时段已另有班次"),
    (
        "has begun: it stays in the roster",
        "已经开始，不能再从值班表中去掉",
    ),
    ("takes no shifts", "不能排班"),
    ("was answered already", "已经答复过"),
    ("is over", "已经结束"),
    (
        "must end after it begins, and within a day",
        "结束须晚于开始，且不超过一天",
    ),
    (
        "cannot be swapped any more: it changed hands or has begun",
        "不能再换：已经换手或已开始",
    ),
    ("is automatic already", "已经是自动的"),
    ("needs the vote of a second person", "还需另一人同意"),
    ("cannot become part of itself", "不能并入自己"),
    (
        "no marking is as strict as both: mark the one as the other is, then merge",
        "两起事件的标记无法取严合并，请先把其中一起改为与另一起一致",
    ),
    ("is marked so already", "标记没有变化"),
    (
        "an embargo ends after now: one that is over holds nothing",
        "限制发布的期限须晚于现在",
    ),
    (
        "is not in use: name the organization that took its place",
        "该机构已停用，请填接替它的机构",
    ),
    (
        "is lowered with its originator's consent only: say who there agreed, and where that is written",
        "降低标记须经信息来源机构同意，请写明谁同意、记录在哪里",
    ),
    (
        "both are linked with other views of their matters: link those first",
        "两起事件各自关联了其他事项，请先把这些事项关联起来",
    ),
    (
        "is part of another: link that one",
        "已并入其他事件，请关联该事件",
    ),
    (
        "needs two views: an incident, and another or a house's number",
        "至少要有两方：一起事件，和另一起事件或其他机构的编号",
    ),
    (
        "needs a reason: what shows that it is one matter",
        "请写明凭什么认定为同一事项",
    ),
    (
        "needs a reason: what shows that it is another matter",
        "请写明凭什么认定为不同事项",
    ),
    (
        "a house's number has 1 to 100 characters",
        "其他机构的编号须为 1 至 100 个字符",
    ),
    ("needs an incident of this ledger", "须有本系统的一起事件"),
    (
        "has more views than one matter can have",
        "一个事项关联的各方过多",
    ),
    ("is not linked with that view", "没有与该方关联"),
    (
        "that view counts for the others: say first which of them does",
        "该方正由其计数，请先指定由哪一方计数",
    ),
    ("is not live: reopen it first", "已经结束，请先重新打开"),
    ("has left: subscribe anew", "已经退订，请重新订阅"),
    (
        "is in use: revoke it, or take another name",
        "名称已在使用，请先吊销或换一个名称",
    ),
    ("was decided already", "已经决定"),
    (
        "needs a reason: whoever sent it will ask for it",
        "请写明理由，申诉人会看到",
    ),
    (
        "is declined: then nothing is taken off the block list",
        "申诉不成立时不能撤下名单条目",
    ),
    ("ends before it starts", "结束早于开始"),
    ("was entered before", "以前已经录入"),
    ("was withdrawn", "已经撤回"),
    (
        "its days are over: verify it again and propose it anew",
        "已过期，请重新核验后再提出",
    ),
    (
        "only a later verification moves its end",
        "只有更晚的核验才能改变到期时间",
    ),
    (
        "one of the same rule and key was opened meanwhile: look again",
        "其间已有同样的事件，请再看一次",
    ),
    ("has no old number", "没有旧编号"),
    ("needs a reason to change hands", "移交须写明理由"),
    (
        "is handed to another branch by the centre only",
        "只有本中心能移交给其他分中心",
    ),
    ("is there already", "已经在那里"),
    (
        "was not read yet: a round of response reads it first",
        "还没有读取，下一轮处理后再来",
    ),
    (
        "an entry is merged into another one that is in use",
        "只能并入一个在用的条目",
    ),
    ("no correction is open", "没有正在进行的更正"),
    (
        "needs a reason: say how it was checked, or what is wrong",
        "请写明如何核对，或哪里不对",
    ),
];

/// What is refused, as the ledger names it, and in Chinese.
const OBJECTS: &[(&str, &str)] = &[
    ("incident ", "事件 "),
    ("account ", "账户 "),
    ("organization ", "机构 "),
    ("appeal ", "申诉 "),
    ("clock ", "时限 "),
    ("complaint ", "举报 "),
    ("campaign ", "活动 "),
    ("handover ", "交接 "),
    ("the same matter", "同一事项"),
    ("promise ", "承诺 "),
    ("alarm ", "告警 "),
    ("shift ", "班次 "),
    ("swap ", "换班 "),
    ("notice ", "通报 "),
    ("message ", "来件 "),
    ("change ", "变更 "),
    ("token ", "令牌 "),
    ("view ", "视图 "),
    ("report ", "报送 "),
    ("reject ", "退回行 "),
    ("second factor ", "第二步验证 "),
];

/// What a refusal says on a page of a language.
pub(crate) fn told(refusal: &Refusal, lang: Lang) -> String {
    let Refusal::Conflict(object, reason) = refusal else {
        return refusal.detail();
    };
    let chinese = REASONS.iter().find(|(english, _)| english == reason);
    match (lang, chinese) {
        (Lang::Zh, Some((_, chinese))) => {
            let named = OBJECTS.iter().find_map(|(english, chinese)| {
                let rest = object.strip_prefix(english)?;
                Some(format!("{chinese}{rest}"))
            });
            let object = named.unwrap_or_else(|| object.clone());
            format!("{object}：{chinese}。")
        }
        _ => refusal.detail(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Files of the ledger whose refusals no page can meet: they speak to programs and to whoever keeps the machine.
    const NO_PAGES: [&str; 9] = [
        "dump.rs",
        "sqlite.rs",
        "postgres.rs",
        "commit.rs",
        "manifest.rs",
        "report.rs",
        "retention.rs",
        "infrastructure.rs",
        "rule_trust.rs",
    ];

    fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, all);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = entry.file_name().to_string_lossy().into_owned();
                all.push((name, std::fs::read_to_string(&path).expect("a file")));
            }
        }
    }

    #[test]
    fn every_fixed_reason_of_the_ledger_is_in_the_table_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ledger/src");
        let mut all = Vec::new();
        sources(&folder, &mut all);
        // A fixed reason is the last argument of a conflict, or stands in a name of its own before it.
        let direct = regex::Regex::new(r#"conflict\((?:[^;]*?, )?\s*"([^"{}]+)",?\s*\)"#);
        let named = regex::Regex::new(r#"let (?:why|reason) =\s*"([^"{}]+)";"#);
        let (direct, named) = (direct.expect("sound"), named.expect("sound"));
        let mut missing = Vec::new();
        for (name, text) in &all {
            if NO_PAGES.contains(&name.as_str()) {
                continue;
            }
            for found in direct.captures_iter(text).chain(named.captures_iter(text)) {
                let reason = &found[1];
                if !REASONS.iter().any(|(english, _)| *english == reason) {
                    missing.push(format!("{name}: {reason}"));
                }
            }
        }
        assert!(missing.is_empty(), "not in Chinese: {missing:#?}");
        for (english, _) in REASONS {
            let used = all.iter().any(|(_, text)| text.contains(english));
            assert!(used, "`{english}` is a reason of nobody");
        }
    }

    #[test]
    fn a_chinese_page_says_it_in_chinese_and_an_unknown_reason_as_it_is() {
        let known = Refusal::conflict("appeal 3", "was decided already");
        assert_eq!(told(&known, Lang::Zh), "申诉 3：已经决定。");
        assert_eq!(told(&known, Lang::En), "appeal 3: was decided already");
        let other = Refusal::conflict("incident #3", "is closed: only live ones change hands");
        assert_eq!(told(&other, Lang::Zh), other.detail());
    }
}
