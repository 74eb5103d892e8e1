//! The files that pages load: one style sheet, one script, one icon. Their addresses carry a hash of their content,
//! so that a browser keeps them for good and never has an old one.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/assets/{name}", Need::Nothing, || get(asset)),
    Route::page("/favicon.ico", Need::Nothing, || get(icon)),
];

/// Name, type and content.
const FILES: &[(&str, &str, &[u8])] = &[
    (
        "console.css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../../assets/console.css"),
            include_str!("../../assets/pages/overview.css"),
            include_str!("../../assets/pages/incidents.css"),
            include_str!("../../assets/pages/outside.css"),
            include_str!("../../assets/pages/from.css"),
            include_str!("../../assets/pages/portal.css"),
            include_str!("../../assets/pages/programs.css"),
            include_str!("../../assets/pages/webhooks.css"),
            include_str!("../../assets/pages/duty.css"),
            include_str!("../../assets/pages/exercise.css"),
            include_str!("../../assets/pages/settings.css"),
            include_str!("../../assets/pages/audit.css"),
            include_str!("../../assets/pages/office.css"),
            include_str!("../../assets/pages/events.css"),
            include_str!("../../assets/pages/statistics.css"),
            include_str!("../../assets/pages/bulletin.css"),
        )
        .as_bytes(),
    ),
    (
        "console.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/console.js"),
    ),
    (
        "leaf.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/leaf.js"),
    ),
    ("icon.svg", "image/svg+xml", ICON),
];

const ICON: &[u8] = include_bytes!("../../assets/icon.svg");

/// Hash of all files: it changes when one does.
static VERSION: LazyLock<Arc<str>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (_, _, bytes) in FILES {
        all.extend_from_slice(bytes);
    }
    ledger::Hash::of(&all).to_string()[..12].into()
});

/// What stands behind an asset's address.
pub(crate) fn version() -> &'static str {
    &VERSION
}

pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|(file, _, _)| *file == name);
    let (_, kind, bytes) = found.ok_or(Refusal::Absent)?;
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, keep),
    ];
    Ok((headers, *bytes).into_response())
}

/// The icon where browsers look for one by themselves: beside published issues, sheets and files, which name none.
pub(crate) async fn icon() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, ICON)
}
