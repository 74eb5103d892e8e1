//! Signing in through another house's provider (OpenID Connect Core 1.0): authorization code with PKCE (RFC 7636),
//! state and nonce.
//!
//! The provider is asked through our own client: no redirects, the address policy after resolution, bounds on time
//! and size. Its documents are kept for some minutes; a token that no key fits makes them be read once more, for
//! keys are changed. A subject that is empty is nobody (MISP's CVE-2017-14337).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::newsroom::AccountRole;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse,
};
use outbound::{Allowed, Lookup};
use url::Url;

/// A provider that people of the house may sign in through.
#[derive(Clone)]
pub struct Provider {
    /// Its issuer, exactly as it writes it.
    pub issuer: String,
    /// What we are called there.
    pub client: String,
    /// What we prove ourselves by there; `None` for a public client.
    pub secret: Option<String>,
    /// What the button says.
    pub name: String,
    /// The claim that holds the login.
    pub claim: String,
    /// Roles of accounts that are made for whoever comes; empty: none are made.
    pub roles: Vec<AccountRole>,
    /// Addresses that may be asked although they are private; one that is there may be asked without TLS.
    pub allowed: Arc<Allowed>,
    /// Whether the issuer may be asked without TLS: its host is one of those.
    pub plain: bool,
    /// Our own address, as browsers write it: `https://console.example.test`.
    pub base: String,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({} as {})", self.issuer, self.client)
    }
}

/// Where the provider sends browsers back to.
pub(crate) const BACK: &str = "/console/sign-in/oidc/back";

/// Time for one request, and bytes of one answer.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST: usize = 1 << 20;
/// How long the provider's documents are kept.
const KEPT: Duration = Duration::from_secs(600);

/// Algorithms of signatures that are taken: never `none`, never one whose key is our secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 6] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The configuration's addresses are none.
    #[error("{0} is no address: mend [sign_in] in watchfire.toml")]
    Address(String),
    /// The provider cannot be asked, or its documents say something else than they should.
    #[error("the provider cannot be asked: {0}")]
    Provider(String),
    /// The code was not taken.
    #[error("the provider did not take the code: {0}")]
    Code(String),
    /// What it vouches with does not hold.
    #[error("what the provider vouched with does not hold: {0}")]
    Token(String),
}

/// Whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The subject; never empty.
    pub(crate) subject: String,
    /// What the claim for the login holds; perhaps nothing.
    pub(crate) login: String,
    /// The name, where one is told.
    pub(crate) name: String,
}

/// What a browser carries to the provider and back, in a cookie of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    /// Where it leads afterwards.
    pub(crate) to: String,
}

impl Errand {
    /// As the cookie holds it.
    pub(crate) fn text(&self) -> String {
        let to = BASE64_URL_SAFE_NO_PAD.encode(&self.to);
        format!("{}.{}.{}.{to}", self.state, self.nonce, self.verifier)
    }

    /// Read back.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [state, nonce, verifier, to] = parts.as_slice() else {
            return None;
        };
        let sound = |part: &str| part.len() >= 43;
        let to = BASE64_URL_SAFE_NO_PAD.decode(to).ok()?;
        (sound(state) && sound(nonce) && sound(verifier)).then_some(Errand {
            state: (*state).to_owned(),
            nonce: (*nonce).to_owned(),
            verifier: (*verifier).to_owned(),
            to: String::from_utf8(to).ok()?,
        })
    }
}

/// The provider's documents, and when they were read.
type Documents = tokio::sync::Mutex<Option<(Instant, String, CoreProviderMetadata)>>;

/// Asks providers.
pub(crate) struct Oidc {
    lookup: Lookup,
    documents: Documents,
}

impl Default for Oidc {
    fn default() -> Self {
        Oidc {
            lookup: outbound::system_lookup(),
            documents: Documents::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unasked(String);

type Asking = Pin<Box<dyn Future<Output = Result<HttpResponse, Unasked>> + Send>>;

impl Oidc {
    fn http(&self, provider: &Provider) -> Result<impl Fn(HttpRequest) -> Asking, Failed> {
        crate::tls::install();
        let allowed = Arc::clone(&provider.allowed);
        let builder =
            outbound::client::guarded(Arc::clone(&self.lookup), Arc::clone(&allowed), PATIENCE);
        let client = builder
            .timeout(PATIENCE)
            .http1_only()
            .user_agent(concat!("Watchfire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failed::Provider(outbound::chain(&error)))?;
        let plain = provider.plain;
        Ok(move |request: HttpRequest| -> Asking {
            let (client, allowed) = (client.clone(), Arc::clone(&allowed));
            Box::pin(async move { ask(&client, &allowed, plain, request).await })
        })
    }

    /// The provider's documents.
    async fn documents(
        &self,
        provider: &Provider,
        anew: bool,
    ) -> Result<CoreProviderMetadata, Failed> {
        let mut held = self.documents.lock().await;
        if let Some((at, issuer, documents)) = held.as_ref()
            && !anew
            && at.elapsed() < KEPT
            && *issuer == provider.issuer
        {
            return Ok(documents.clone());
        }
        let issuer = IssuerUrl::new(provider.issuer.clone())
            .map_err(|_| Failed::Address(provider.issuer.clone()))?;
        let http = self.http(provider)?;
        let found = CoreProviderMetadata::discover_async(issuer, &http)
            .await
            .map_err(|error| Failed::Provider(outbound::chain(&error)))?;
        *held = Some((Instant::now(), provider.issuer.clone(), found.clone()));
        Ok(found)
    }

    /// Where a browser is sent.
    pub(crate) async fn begin(&self, provider: &Provider, errand: &Errand) -> Result<Url, Failed> {
        let documents = self.documents(provider, false).await?;
        let back = back(provider)?;
        let client = CoreClient::from_provider_metadata(
            documents,
            ClientId::new(provider.client.clone()),
            None,
        )
        .set_redirect_uri(back);
        let verifier = PkceCodeVerifier::new(errand.verifier.clone());
        let (state, nonce) = (errand.state.clone(), errand.nonce.clone());
        let (url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state.clone()),
                move || Nonce::new(nonce.clone()),
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url)
    }

    /// Whom the provider vouches for with a code.
    pub(crate) async fn finish(
        &self,
        provider: &Provider,
        errand: &Errand,
        code: &str,
        now_micros: i64,
    ) -> Result<Person, Failed> {
        let documents = self.documents(provider, false).await?;
        let secret = provider.secret.clone().map(ClientSecret::new);
        let client_id = ClientId::new(provider.client.clone());
        let client = CoreClient::from_provider_metadata(documents, client_id, secret)
            .set_redirect_uri(back(provider)?);
        let http = self.http(provider)?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| Failed::Provider(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(errand.verifier.clone()))
            .request_async(&http)
            .await
            .map_err(|error| Failed::Code(outbound::chain(&error)))?;
        let token = answer
            .id_token()
            .ok_or_else(|| Failed::Token("there is no id token".to_owned()))?;
        let checked = match self
            .vouched(provider, errand, token, false, now_micros)
            .await
        {
            // They may have been changed since the documents were read.
            Err(Doubt::NoKey(_)) => {
                self.vouched(provider, errand, token, true, now_micros)
                    .await
            }
            checked => checked,
        };
        match checked {
            Ok(subject) => person(provider, &subject, &token.to_string()),
            Err(Doubt::NoKey(why) | Doubt::Other(why)) => Err(Failed::Token(why)),
        }
    }

    /// Checks an id token: signature, issuer, audience, time, nonce; its subject.
    async fn vouched(
        &self,
        provider: &Provider,
        errand: &Errand,
        token: &CoreIdToken,
        anew: bool,
        now_micros: i64,
    ) -> Result<String, Doubt> {
        let documents = self.documents(provider, anew).await;
        let documents = documents.map_err(|error| Doubt::Other(error.to_string()))?;
        let client = CoreClient::from_provider_metadata(
            documents,
            ClientId::new(provider.client.clone()),
            provider.secret.clone().map(ClientSecret::new),
        );
        let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(now_micros).unwrap_or(0));
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now.into());
        let nonce = Nonce::new(errand.nonce.clone());
        let claims = token.claims(&verifier, &nonce).map_err(|error| {
            let words = outbound::chain(&error);
            match error {
                ClaimsVerificationError::SignatureVerification(
                    SignatureVerificationError::NoMatchingKey
                    | SignatureVerificationError::CryptoError(_),
                ) => Doubt::NoKey(words),
                _ => Doubt::Other(words),
            }
        })?;
        Ok(claims.subject().to_string())
    }
}

/// Why a token was not taken.
enum Doubt {
    /// No key of the provider's fits.
    NoKey(String),
    Other(String),
}

/// Reads whom a checked token is about.
fn person(provider: &Provider, subject: &str, token: &str) -> Result<Person, Failed> {
    if subject.trim().is_empty() {
        return Err(Failed::Token("the subject is empty".to_owned()));
    }
    let unread = || Failed::Token("its claims cannot be read".to_owned());
    let body = token.split('.').nth(1).ok_or_else(unread)?;
    let body = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| unread())?;
    let claims: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&body).map_err(|_| unread())?;
    let claim = |name: &str| {
        let text = claims.get(name).and_then(serde_json::Value::as_str);
        text.unwrap_or_default().trim().to_owned()
    };
    Ok(Person {
        subject: subject.to_owned(),
        login: ledger::attempt::normal(&claim(&provider.claim)),
        name: claim("name")
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect(),
    })
}

fn back(provider: &Provider) -> Result<RedirectUrl, Failed> {
    let text = format!("{}{BACK}", provider.base.trim_end_matches('/'));
    RedirectUrl::new(text.clone()).map_err(|_| Failed::Address(text))
}

/// One request, within bounds.
async fn ask(
    client: &reqwest::Client,
    allowed: &Allowed,
    plain: bool,
    request: HttpRequest,
) -> Result<HttpResponse, Unasked> {
    let (parts, body) = request.into_parts();
    let url: Url = parts
        .uri
        .to_string()
        .parse()
        .map_err(|_| Unasked("what should be asked is no address".to_owned()))?;
    let shown = url.host_str().unwrap_or_default().to_owned();
    if url.scheme() != "https" && !plain {
        return Err(Unasked(format!("{shown} is not asked without TLS")));
    }
    allowed
        .check(&url, false)
        .map_err(|error| Unasked(error.to_string()))?;
    let sent = client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await;
    let mut answer =
        sent.map_err(|error| Unasked(outbound::client::unsent(&error, &shown).to_string()))?;
    let mut bytes = Vec::new();
    loop {
        let more = answer.chunk().await;
        let more =
            more.map_err(|error| Unasked(format!("{shown}: {}", outbound::chain(&error))))?;
        let Some(more) = more else { break };
        if bytes.len() + more.len() > MOST {
            return Err(Unasked(format!(
                "{shown} answers with more than {MOST} bytes"
            )));
        }
        bytes.extend_from_slice(&more);
    }
    let mut response = HttpResponse::new(bytes);
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_comes_back_as_it_went() {
        let errand = Errand {
            state: "s".repeat(43),
            nonce: "n".repeat(43),
            verifier: "v".repeat(43),
            to: "/console/incidents?q=state:open".to_owned(),
        };
        assert_eq!(Errand::read(&errand.text()), Some(errand.clone()));
        for broken in [
            "",
            "a.b.c.d",
            "....",
            &errand.text()[3..],
            &format!("{}.x", errand.text()),
        ] {
            assert_eq!(Errand::read(broken), None, "{broken}");
        }
    }
}
