//! The complaint form and what becomes of its receipt.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use formats::mail::complaint::Observable;
use model::incident::CaseKind;
use model::outside::Stage;
use serde::Deserialize;

use super::{ASKING, DAY, FORM_BYTES, HOUR, SENDING, code, line, look_at, read, spend};
use crate::front::{Front, Report};
use crate::limits::Limit;
use crate::pages::shell::{self, Shell};
use crate::pictures::Bad;
use crate::receipts;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/report", Need::Nothing, || get(form)),
    Route::act("/report", Need::Nothing, || post(send)).taking(FORM_BYTES),
    Route::page("/report/status", Need::Nothing, || get(ask)),
    Route::page("/report/status/{number}", Need::Nothing, || get(status)),
];

/// Complaints about one name: many of them about one page tell nothing new.
const TARGET: Limit = Limit {
    what: "target",
    most: 60,
    per: HOUR,
};
/// Addresses that one complaint names.
const PLACES: usize = 10;

/// Fields of the form; `homepage` stays empty, and only machines fill it.
const FIELDS: &[&str] = &[
    "kind", "place", "app", "store", "story", "address", "homepage",
];

words! {
    Words {
        title: "举报可疑的网站或应用", "Report a suspicious site or app";
        area: "网络安全投诉", "Report an incident";
        lead: "只需一个地址。无须登录，也不必留下姓名；我们会核实、联系能处理的单位，并把结果告诉您。", "An address is enough. You need no account and need not give a name: we check it, reach whoever can act, and tell you how it ended.";
        ask: "查询进度", "Look up a report";
        kind: "您遇到的是", "What did you come across?";
        phishing: "仿冒页面", "A page that imitates another";
        phishing_text: "冒充银行、快递、政府等", "a bank, a parcel service, an authority";
        app: "恶意应用", "A malicious app";
        app_text: "扣费、窃取信息的应用", "it takes money or data";
        defaced: "网页被篡改", "A site that was changed";
        defaced_text: "页面被换掉或挂上他物", "replaced, or with things that do not belong there";
        other: "其他", "Something else";
        other_text: "说不清也没有关系", "it is fine not to know";
        place: "网址或下载地址", "Address of the page or download";
        place_help: "请复制粘贴，不要点开；可写多个，每行一个。写成 hxxp 或 [.] 也能识别。", "Copy and paste it, do not open it; one a line if there are several. hxxp and [.] are understood.";
        no_place: "没有网址？写应用名称和应用市场", "No address? Give the name of the app and where it is offered";
        app_name: "应用名称", "Name of the app";
        store: "在哪里下载的", "Where it is offered";
        story: "怎么收到的", "How did it reach you?";
        optional: "选填", "optional";
        shots: "截图", "Screenshots";
        shots_most: "选填，最多 3 张", "optional, up to 3";
        shots_help: "PNG、JPEG、WEBP 或 GIF，每张不超过 5 MiB。图片会重新编码，去掉位置等附带信息。请先遮住卡号和密码。", "PNG, JPEG, WEBP or GIF, up to 5 MiB each. They are drawn anew, without place and other data. Please cover card numbers and passwords first.";
        address: "邮箱", "Mail address";
        address_help: "用来告知结果；不会公开，也不会交给被举报的一方。", "To tell you how it ended; never published, never passed to whoever you report.";
        leave_empty: "请将此栏留空", "Leave this field empty";
        send: "提交", "Send";
        urgent: "已转账或泄露密码？请先拨打 110 并联系银行。", "Sent money or gave away a password? Call the police and your bank first.";
        wrong: "有几处需要再看一眼", "Some fields need another look";
        wrong_kind: "请选一项。", "Choose one.";
        wrong_place: "没有认出网址：好像少了结尾，例如 .com 或 .cn。请再看一眼短信或地址栏。", "No address was recognized: it may lack its end, as in .com or .cn. Look at the message or the address bar again.";
        wrong_nothing: "请写网址，或应用名称，或说说怎么回事。", "Give an address, the name of an app, or tell what happened.";
        wrong_many: "最多 10 个网址。", "At most 10 addresses.";
        wrong_address: "这不像一个邮箱地址。", "This does not look like a mail address.";
        wrong_often: "这个邮箱今天已提交多次。请明天再来，或不填邮箱。", "This address was given several times today. Come back tomorrow, or leave it out.";
        wrong_trap: "此栏须留空：请清空后再提交。", "This field must stay empty: clear it and send again.";
        again: "请重新选择图片：浏览器不会保留它们。", "Choose the pictures again: the browser does not keep them.";
        bad_big: "图片太多或太大：最多 3 张，每张不超过 5 MiB。", "Too many pictures or too large: up to 3, of 5 MiB each.";
        bad_kind: "只能上传 PNG、JPEG、WEBP 或 GIF 图片。", "Only PNG, JPEG, WEBP and GIF pictures can be sent.";
        bad_pixels: "图片尺寸太大：请缩小，或只截取要紧的部分。", "The picture has too many pixels: make it smaller, or cut out what matters.";
        bad_broken: "图片打不开：请换一张。", "The picture cannot be read: choose another one.";
        status: "查询进度", "Look up a report";
        status_lead: "输入提交后得到的受理编号。", "Enter the number you got when you sent it.";
        number: "受理编号", "Number";
        find: "查询", "Look up";
        unknown: "查不到这个编号。请核对后再试。", "There is no such number. Check it and try again.";
        got: "已收到，谢谢您", "Received. Thank you";
        keep: "请记下受理编号。凭它可随时查询，他人看不到您的内容。", "Write the number down. With it you can look the report up at any time; nobody else sees what you wrote.";
        copy: "复制编号", "Copy the number";
        print: "打印", "Print";
        late: "进度更新有延迟，不显示对方单位和核验时间。", "Progress is shown with a delay, without parties or times.";
        end: "结果", "Outcome";
        end_text: "处理结束后显示在这里；留了邮箱的，会收到答复。", "Shown here when it has ended; those who left an address get an answer.";
        closed_text: "此事已处理完毕。", "The matter has ended.";
        careful: "在结果出来之前，请不要在该页面填写任何信息。", "Until then, enter nothing on that page.";
        another: "再举报一个", "Report another";
    }
}

/// What stands in the form, and what is wrong with it.
#[derive(Default)]
struct Filled {
    kind: String,
    place: String,
    app: String,
    store: String,
    story: String,
    address: String,
    trap: String,
    wrong_kind: &'static str,
    wrong_place: &'static str,
    wrong_address: &'static str,
    wrong_file: &'static str,
    wrong_trap: &'static str,
}

impl Filled {
    fn is_wrong(&self) -> bool {
        [
            self.wrong_kind,
            self.wrong_place,
            self.wrong_address,
            self.wrong_file,
            self.wrong_trap,
        ]
        .iter()
        .any(|wrong| !wrong.is_empty())
    }

    fn checked(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Puts back what was typed.
    fn with(&mut self, report: Report) {
        self.kind = report.kind;
        self.place = report.place;
        self.app = report.app;
        self.store = report.store;
        self.story = report.story;
        self.address = report.address;
    }
}

#[derive(Template)]
#[template(path = "outside-report.html")]
struct FormPage {
    shell: Shell,
    w: &'static Words,
    f: Filled,
    lang: &'static str,
}

#[derive(Template)]
#[template(path = "outside-ask.html")]
struct AskPage {
    shell: Shell,
    w: &'static Words,
    typed: String,
    unknown: bool,
    lang: &'static str,
}

#[derive(Template)]
#[template(path = "outside-status.html")]
struct StatusPage {
    shell: Shell,
    w: &'static Words,
    number: String,
    new: bool,
    handling: bool,
    closed: bool,
    received: &'static str,
    handled: &'static str,
    lang: &'static str,
}

pub(crate) async fn form(Extension(front): Extension<Arc<Front>>, visitor: Visitor) -> Response {
    page(&front, &visitor, StatusCode::OK, Filled::default())
}

fn page(front: &Front, visitor: &Visitor, status: StatusCode, f: Filled) -> Response {
    let w = Words::of(visitor.lang);
    let page = FormPage {
        shell: shell::outside(front, visitor, w.title),
        w,
        f,
        lang: code(visitor.lang),
    };
    shell::status_page(status, &page)
}

/// The kind of case that a choice of the form makes.
fn kind_of(choice: &str) -> Option<CaseKind> {
    match choice {
        "phishing" => Some(CaseKind::Phishing),
        "app" => Some(CaseKind::MaliciousApp),
        "defaced" => Some(CaseKind::Defacement),
        "other" => Some(CaseKind::Other),
        _ => None,
    }
}

/// The addresses in a text: a thing a line, or in the midst of a message that was pasted whole.
fn places(text: &str) -> Vec<Observable> {
    let mut all: Vec<Observable> = Vec::new();
    for token in text.split(|c: char| c.is_whitespace() || "，；、。“”（）【】《》".contains(c))
    {
        let lower = token.to_lowercase();
        let begin = ["http", "hxxp"]
            .iter()
            .filter_map(|scheme| lower.find(scheme))
            .min();
        // Lower case may have other lengths than what was written.
        let address = begin.and_then(|at| token.get(at..)).unwrap_or(token);
        let ascii: String = address.chars().take_while(char::is_ascii).collect();
        // In the midst of a sentence the address ends where the sentence goes on; alone it may be of any script.
        let in_sentence = address.len() < token.len();
        let found = match in_sentence {
            true => Observable::read(&ascii).or_else(|| Observable::read(address)),
            false => Observable::read(address).or_else(|| Observable::read(&ascii)),
        };
        if let Some(found) = found
            && is_whole(&found)
            && !all.iter().any(|one| one.text == found.text)
        {
            all.push(found);
        }
    }
    all
}

/// Whether the name of an address has an end that names may have (RFC 3696 section 2: letters alone, or an encoded
/// name): one that was cut off in the copying has not.
fn is_whole(place: &Observable) -> bool {
    use model::field::Field;
    let name = target(place);
    let is_ip = name
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok();
    if is_ip || !matches!(place.field, Field::SourceUrl | Field::SourceHost) {
        return true;
    }
    if !name.contains('.') {
        return false;
    }
    let end = name
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let letters = end.chars().count() >= 2 && end.chars().all(char::is_alphabetic);
    letters
        || end
            .strip_prefix("xn--")
            .is_some_and(|rest| !rest.is_empty())
}

/// The name that an address is about, for the limit by target.
fn target(place: &Observable) -> String {
    let host = url::Url::parse(&place.text).ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| place.text.clone())
}

pub(crate) async fn send(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    // Before the body is read: whoever sends too many costs nothing.
    spend(&front, &visitor, SENDING)?;
    let mut sent = read(parts, FIELDS).await?;
    let report = Report {
        kind: line(sent.field("kind"), 40),
        place: sent.field("place").to_owned(),
        app: line(sent.field("app"), 200),
        store: line(sent.field("store"), 200),
        story: sent.field("story").to_owned(),
        address: line(sent.field("address"), 254),
        lang: code(visitor.lang).to_owned(),
    };
    let read = reading(&report);
    let mut f = Filled {
        trap: sent.field("homepage").to_owned(),
        ..Filled::default()
    };
    match &read {
        Ok(_) => {}
        Err(flaws) => {
            f.wrong_kind = if flaws.kind { w.wrong_kind } else { "" };
            f.wrong_place = match flaws.place {
                None => "",
                Some(Place::Unknown) => w.wrong_place,
                Some(Place::Nothing) => w.wrong_nothing,
                Some(Place::Many) => w.wrong_many,
            };
            f.wrong_address = if flaws.address { w.wrong_address } else { "" };
        }
    }
    let now = front.now().0;
    // Anybody may type anybody's address: no more mail comes of it than this.
    if f.wrong_address.is_empty()
        && !report.address.is_empty()
        && front.counter.given_often(&report.address, now).await?
    {
        f.wrong_address = w.wrong_often;
    }
    if !f.trap.is_empty() {
        f.wrong_trap = w.wrong_trap;
    }
    let had_files = sent.too_much || !sent.files.is_empty();
    let looked = match f.is_wrong() {
        true => Ok(Vec::new()),
        false => look_at(&front, &mut sent, false).await?,
    };
    let (files, places) = match (looked, read) {
        (Ok(files), Ok((_, places))) if !f.is_wrong() => (files, places),
        (looked, _) => {
            f.wrong_file = match looked {
                Err(Bad::TooBig) => w.bad_big,
                Err(Bad::Kind) => w.bad_kind,
                Err(Bad::TooManyPixels) => w.bad_pixels,
                Err(Bad::Broken) => w.bad_broken,
                Ok(_) if had_files => w.again,
                Ok(_) => "",
            };
            f.with(report);
            return Ok(page(&front, &visitor, StatusCode::UNPROCESSABLE_ENTITY, f));
        }
    };
    if let Some(first) = places.first() {
        front.limits.spend(TARGET, &target(first), now)?;
    }
    let receipt = front.counter.report(report, files, now).await?;
    let to = format!("/report/status/{receipt}?new=1&lang={}", code(visitor.lang));
    Ok(Redirect::to(&to).into_response())
}

/// What is wrong with the addresses of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Something was written, and no address in it.
    Unknown,
    /// There is neither address nor app nor story.
    Nothing,
    /// There are too many.
    Many,
}

/// What is wrong with a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    kind: bool,
    place: Option<Place>,
    address: bool,
}

/// What a report says, or what is wrong with it: the same wherever it was typed in.
pub(crate) fn reading(report: &Report) -> Result<(CaseKind, Vec<Observable>), Flaws> {
    let kind = kind_of(&report.kind);
    let places = places(&report.place);
    let told =
        !report.app.is_empty() || (kind == Some(CaseKind::Other) && !report.story.is_empty());
    let flaws = Flaws {
        kind: kind.is_none(),
        place: match (places.len(), report.place.is_empty()) {
            (0, false) => Some(Place::Unknown),
            (0, true) if !told => Some(Place::Nothing),
            (n, _) if n > PLACES => Some(Place::Many),
            _ => None,
        },
        address: !report.address.is_empty() && !response::party::is_mailbox(&report.address),
    };
    match kind {
        Some(kind) if flaws == Flaws::default() => Ok((kind, places)),
        _ => Err(flaws),
    }
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    number: String,
    #[serde(default)]
    new: String,
}

pub(crate) async fn ask(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if asked.number.trim().is_empty() {
        return Ok(asking(&front, &visitor, StatusCode::OK, String::new()));
    }
    shown(&front, &visitor, &asked.number, false).await
}

pub(crate) async fn status(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    shown(&front, &visitor, &number, !asked.new.is_empty()).await
}

fn asking(front: &Front, visitor: &Visitor, status: StatusCode, typed: String) -> Response {
    let w = Words::of(visitor.lang);
    let page = AskPage {
        shell: shell::outside(front, visitor, w.status),
        w,
        unknown: !typed.is_empty(),
        typed,
        lang: code(visitor.lang),
    };
    shell::status_page(status, &page)
}

/// How things stood at the last midnight of the house that lies a day back: nobody learns from it when a party was
/// asked or a look took place.
pub(crate) fn as_of(now: model::time::Timestamp, zone: &jiff::tz::TimeZone) -> i64 {
    let late = model::time::Timestamp(now.0 - DAY);
    let midnight = late
        .to_jiff()
        .and_then(|at| at.to_zoned_datetime(zone.clone()).start_of_day().ok());
    midnight.map_or(late.0, |at| at.timestamp().as_microsecond())
}

async fn shown(
    front: &Front,
    visitor: &Visitor,
    typed: &str,
    new: bool,
) -> Result<Response, Refusal> {
    spend(front, visitor, ASKING)?;
    let w = Words::of(visitor.lang);
    let number = receipts::read(typed);
    let stage = match &number {
        Some(number) => front.counter.stage(number).await?,
        None => None,
    };
    // A number that is none and one that nobody has look alike.
    let (Some(number), Some(stage)) = (number, stage) else {
        let typed = line(typed, 60);
        return Ok(asking(front, visitor, StatusCode::NOT_FOUND, typed));
    };
    let title = match new {
        true => w.got.to_owned(),
        false => fill(
            "{label} {number}",
            &[("label", &w.number), ("number", &number)],
        ),
    };
    Ok(shell::page(&StatusPage {
        shell: shell::outside(front, visitor, &title),
        w,
        number,
        new,
        handling: stage >= Stage::Handling,
        closed: stage == Stage::Closed,
        received: word(Stage::Received, visitor.lang),
        handled: word(Stage::Handling, visitor.lang),
        lang: code(visitor.lang),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        places(text).into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn addresses_are_found_as_people_paste_them() {
        assert_eq!(
            texts("hxxps://login.example[.]test/a"),
            ["https://login.example.test/a"]
        );
        assert_eq!(
            texts("【快递】您的包裹丢失，请点http://a.example.test/x领取\nb.example.test"),
            ["http://a.example.test/x", "b.example.test"]
        );
        assert_eq!(texts("192.0.2.7 192.0.2.7"), ["192.0.2.7"]);
        for cut in ["login", "login.example-bank", "http://login.example-bank/"] {
            assert_eq!(texts(cut), Vec::<String>::new(), "{cut}");
        }
        assert_eq!(texts("javascript:alert(1)"), Vec::<String>::new());
    }
}
