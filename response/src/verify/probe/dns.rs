//! A name's records, asked of resolvers whose addresses are handed in. What a resolver answers is
//! kept apart by what it means: no such name, a name without this type, a failure, silence.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
    ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use outbound::Lookup;

use super::super::seen::{Names, Record, Resolved};
use super::Clock;

/// Records of one answer that are kept.
pub(in crate::verify) const MOST: usize = 100;

/// Types that are asked for, in this order.
pub(in crate::verify) const ASKED: [RecordType; 4] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::NS,
    RecordType::SOA,
];

/// Resolvers to ask.
#[derive(Clone)]
pub struct Resolver {
    asks: TokioResolver,
    servers: Vec<SocketAddr>,
}

/// A resolver that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resolver: {0}")]
pub struct NoResolver(String);

/// Asks these servers, in this order, without a cache, a hosts file or a search list: a look must see
/// what is there now.
///
/// # Errors
/// No server, or one that cannot be used.
pub fn resolver(servers: &[SocketAddr], wait: Duration) -> Result<Resolver, NoResolver> {
    if servers.is_empty() {
        return Err(NoResolver("no server: name at least one".to_owned()));
    }
    let asked = servers.iter().map(|server| {
        let connection = |protocol| {
            let mut one = ConnectionConfig::new(protocol);
            one.port = server.port();
            one
        };
        let connections = vec![
            connection(ProtocolConfig::Udp),
            connection(ProtocolConfig::Tcp),
        ];
        NameServerConfig::new(server.ip(), true, connections)
    });
    let config = ResolverConfig::from_parts(None, Vec::new(), asked.collect());
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.cache_size = 0;
    options.timeout = wait;
    options.attempts = 1;
    options.use_hosts_file = ResolveHosts::Never;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.max_active_requests = 1_024;
    let asks = builder
        .build()
        .map_err(|error| NoResolver(error.to_string()))?;
    Ok(Resolver {
        asks,
        servers: servers.to_vec(),
    })
}

impl Resolver {
    /// The same servers as a look-up for pages and ports.
    pub fn lookup(&self) -> Lookup {
        let asks = self.asks.clone();
        Arc::new(move |name| {
            let asks = asks.clone();
            Box::pin(async move {
                let name = absolute(&name).map_err(std::io::Error::other)?;
                let found = asks.lookup_ip(name).await.map_err(std::io::Error::other)?;
                Ok(found.iter().collect())
            })
        })
    }
}

/// Asks for A, AAAA, NS and SOA; aliases come with the addresses. Where there is no such name nothing
/// more is asked.
pub async fn names(resolver: &Resolver, name: &str, clock: &Clock) -> Names {
    let mut seen = Names {
        name: name.to_owned(),
        at: clock.now(),
        servers: resolver.servers.clone(),
        answers: Vec::new(),
    };
    let asked = match absolute(name) {
        Ok(asked) => asked,
        Err(code) => {
            let answer = Resolved::Failure { code };
            seen.answers.push(("A".to_owned(), answer));
            return seen;
        }
    };
    for kind in ASKED {
        let answer = ask(&resolver.asks, asked.clone(), kind).await;
        let none = answer == Resolved::NoName;
        seen.answers.push((kind.to_string(), answer));
        if none {
            break;
        }
    }
    seen
}

fn absolute(name: &str) -> Result<Name, String> {
    let mut read = Name::from_ascii(name).map_err(|error| format!("`{name}`: {error}"))?;
    read.set_fqdn(true);
    Ok(read)
}

async fn ask(asks: &TokioResolver, name: Name, kind: RecordType) -> Resolved {
    match asks.lookup(name, kind).await {
        Ok(found) => {
            let records = found.answers().iter().take(MOST).map(|record| Record {
                name: record.name.to_string(),
                kind: record.record_type().to_string(),
                ttl: record.ttl,
                data: record.data.to_string(),
            });
            Resolved::Records {
                records: records.collect(),
            }
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NXDomain => Resolved::NoName,
            ResponseCode::NoError => Resolved::NoData,
            code => Resolved::Failure {
                code: code.to_string(),
            },
        },
        Err(NetError::Dns(DnsError::ResponseCode(code))) => Resolved::Failure {
            code: code.to_string(),
        },
        Err(NetError::Timeout) => Resolved::Timeout {
            detail: "no answer in time".to_owned(),
        },
        Err(NetError::Io(error)) => Resolved::Timeout {
            detail: error.to_string(),
        },
        Err(NetError::NoConnections) => Resolved::Timeout {
            detail: "no server was reached".to_owned(),
        },
        Err(error) => Resolved::Failure {
            code: error.to_string(),
        },
    }
}
