//! The table of routes: address, method, who may, and the handler. What is not in it does not exist; what has no
//! right of its own named cannot be added. The router, the OpenAPI document and the matrix of the tests are made
//! from it.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::middleware;
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use model::newsroom::Right;
use serde_json::Value;

use crate::Desk;
use crate::front::Front;
use crate::guard;

/// Bytes of a form or a JSON document; routes that take files say their own.
const BODY: usize = 256 << 10;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody; the route reads or writes nothing of the house but what it says itself.
    Nothing,
    /// Whoever signed in, whatever their roles.
    SignedIn,
    /// Whoever holds this right; what they reach is decided by (id, owner) where data are loaded.
    Right(Right),
}

/// A method of HTTP that routes use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }
}

/// What the OpenAPI document says of a route.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// In one line what it does.
    pub summary: &'static str,
    /// Schema of the query's fields (an object), from `schemars`.
    pub query: Option<Value>,
    /// Schema of the body.
    pub body: Option<Value>,
    /// Schema of the answer; `None`: no content.
    pub answer: Option<Value>,
    /// Type of the answer, where it is not JSON.
    pub kind: Option<&'static str>,
    /// Status of success; 200 where it is 0.
    pub status: u16,
}

/// A route.
pub struct Route {
    /// Method.
    pub verb: Verb,
    /// Address, with places as axum writes them.
    pub path: &'static str,
    /// Who may.
    pub need: Need,
    /// Whether a browser's session must have shown within some minutes whose it is (`pages/again.rs`).
    pub fresh: bool,
    /// Bytes of a body at most.
    pub body: usize,
    /// What the OpenAPI document says; routes of pages have none.
    pub described: Option<fn() -> Described>,
    /// The handler.
    pub handler: fn() -> MethodRouter<Arc<Desk>>,
}

impl Route {
    /// A page: `GET`.
    pub const fn page(
        path: &'static str,
        need: Need,
        handler: fn() -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Route {
            verb: Verb::Get,
            path,
            need,
            fresh: false,
            body: BODY,
            described: None,
            handler,
        }
    }

    /// What a page's form is sent to: `POST`.
    pub const fn act(
        path: &'static str,
        need: Need,
        handler: fn() -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Route {
            verb: Verb::Post,
            ..Route::page(path, need, handler)
        }
    }

    /// A route of the API, with its description.
    pub const fn api(
        verb: Verb,
        path: &'static str,
        need: Need,
        described: fn() -> Described,
        handler: fn() -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Route {
            verb,
            path,
            need,
            fresh: false,
            body: BODY,
            described: Some(described),
            handler,
        }
    }

    /// That weighs enough to ask once more who is there: approvals, arming, rights and keys.
    pub const fn fresh(self) -> Self {
        Route {
            fresh: true,
            ..self
        }
    }

    /// That takes bodies of so many bytes.
    pub const fn taking(self, body: usize) -> Self {
        Route { body, ..self }
    }
}

/// What a handler comes to.
type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler whose own type is forgotten. Each of hundreds of handlers would have the router's whole machinery made
/// for itself: that was two fifths of what compiling this crate took.
#[derive(Clone)]
struct Erased(Arc<dyn Fn(Request, Arc<Desk>) -> Answer + Send + Sync>);

impl Erased {
    fn new<T, H: Handler<T, Arc<Desk>, Future = Answer>>(handler: H) -> Self {
        Erased(Arc::new(move |request, desk| {
            handler.clone().call(request, desk)
        }))
    }
}

impl Handler<(), Arc<Desk>> for Erased {
    type Future = Answer;

    fn call(self, request: Request, desk: Arc<Desk>) -> Answer {
        (self.0)(request, desk)
    }
}

/// The functions that name a handler in the table.
macro_rules! verbs {
    ($($verb:ident)*) => {$(
        pub(crate) fn $verb<T, H: Handler<T, Arc<Desk>, Future = Answer>>(
            handler: H,
        ) -> MethodRouter<Arc<Desk>> {
            routing::$verb(Erased::new(handler))
        }
    )*};
}

verbs!(get post put patch delete);

/// Every route that the guard watches.
pub fn all() -> impl Iterator<Item = &'static Route> {
    crate::pages::routes().into_iter().flatten()
}

/// The routes of the table, each behind its guard.
pub(crate) fn router(desk: &Arc<Desk>) -> Router<Arc<Desk>> {
    let mut router = Router::new();
    let front = Arc::new(Front::of(desk));
    for route in all() {
        let mut verbs: Vec<Verb> = all()
            .filter(|other| other.path == route.path)
            .map(|other| other.verb)
            .collect();
        verbs.dedup();
        let state = guard::Door {
            desk: Arc::clone(desk),
            need: route.need,
            fresh: route.fresh,
            most: route.body,
            verbs: verbs.into(),
            front: Arc::clone(&front),
        };
        let handler = (route.handler)()
            .layer(DefaultBodyLimit::max(route.body))
            .layer(middleware::from_fn_with_state(state, guard::guarded));
        router = router.route(route.path, handler);
    }
    router
}
