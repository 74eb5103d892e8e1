//! Whether a port answers: one connection, nothing said, closed at once.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use outbound::Guard;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::seen::{Port, PortState};
use super::{Clock, Prober};

impl Prober {
    /// Connects to a port of a name or an address that the policy allows. Of several addresses the
    /// first that answers tells; a host that refuses tells only if none answers.
    pub async fn port(&self, host: &str, port: u16, clock: &Clock) -> Port {
        let mut seen = Port {
            host: host.to_owned(),
            port,
            at: clock.now(),
            address: None,
            state: PortState::Silent,
        };
        let bare = host.trim_matches(['[', ']']);
        let found = match bare.parse::<IpAddr>() {
            Ok(address) => match self.allowed.refusal(None, address) {
                Some(why) => Err(why),
                None => Ok(vec![address]),
            },
            Err(_) => {
                let (lookup, allowed) = (Arc::clone(&self.lookup), Arc::clone(&self.allowed));
                let looking = Guard::addresses(lookup, allowed, host.to_owned());
                match timeout(self.limits.connect, looking).await {
                    Ok(found) => found.map_err(|error| error.to_string()),
                    Err(_) => Err(format!("{host} was not resolved in time")),
                }
            }
        };
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(detail) => {
                seen.state = PortState::Failed { detail };
                return seen;
            }
        };
        for address in addresses.into_iter().take(4) {
            let address = SocketAddr::new(address, port);
            let state = match timeout(self.limits.connect, TcpStream::connect(address)).await {
                Ok(Ok(_)) => PortState::Open,
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => PortState::Closed,
                Ok(Err(error)) => PortState::Failed {
                    detail: error.to_string(),
                },
                Err(_) => PortState::Silent,
            };
            let tells = state == PortState::Open;
            // All must refuse before it is closed.
            if seen.address.is_none() || tells || seen.state == PortState::Closed {
                seen.address = Some(address);
                seen.state = state;
            }
            if tells {
                break;
            }
        }
        seen
    }
}
