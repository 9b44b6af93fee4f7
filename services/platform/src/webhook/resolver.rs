//! Names to addresses, with everything filtered out that may not be connected to. The filter stands between the look-up and
//! the connection, and a connection is only made to what passed it: a name that answers differently the next time (DNS
//! rebinding) gains nothing by it.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::NotPublic;
use super::config::WebhookConfig;

type BoxError = Box<dyn Error + Send + Sync>;

/// The system's resolver. The time of a look-up is bounded by [`super::Limits::connect`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0: the connector puts that of the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<_>>();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What another resolver finds, as far as the configuration permits it.
pub(super) struct Permitted {
    pub(super) config: Arc<WebhookConfig>,
    pub(super) names: Arc<dyn Resolve>,
}

impl Resolve for Permitted {
    fn resolve(&self, name: Name) -> Resolving {
        let (config, found) = (Arc::clone(&self.config), self.names.resolve(name));
        Box::pin(async move {
            let permitted = filter(&config, found.await?)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be connected to. If there are none the error is the first [`NotPublic`], which the client finds
/// again in the chain of causes of the request's error.
fn filter(config: &WebhookConfig, found: Addrs) -> Result<Vec<SocketAddr>, BoxError> {
    let (mut permitted, mut first_refused): (_, Option<NotPublic>) = (Vec::new(), None);
    for address in found {
        match config.permits_address(address.ip()) {
            Ok(()) => permitted.push(address),
            Err(refused) => first_refused = first_refused.or(Some(refused)),
        }
    }
    match first_refused {
        Some(refused) if permitted.is_empty() => Err(refused.into()),
        None if permitted.is_empty() => Err("the name has no address".into()),
        _ => Ok(permitted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(found: &[&str]) -> Result<Vec<String>, String> {
        let config = WebhookConfig {
            allow_networks: vec!["10.20.0.0/16".parse().expect("a network")],
            ..WebhookConfig::default()
        };
        let found: Vec<SocketAddr> =
            found.iter().map(|ip| SocketAddr::new(ip.parse().expect("an address"), 0)).collect();
        let permitted = filter(&config, Box::new(found.into_iter())).map_err(|error| error.to_string())?;
        Ok(permitted.iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn only_what_is_permitted_is_left() {
        let all = ["10.0.0.1", "8.8.8.8", "::1", "10.20.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"];
        assert_eq!(filtered(&all).expect("some"), ["8.8.8.8", "10.20.0.1", "2606:4700:4700::1111"]);
        let refused = filtered(&["192.168.0.1", "::1"]).expect_err("none");
        assert_eq!(refused, "192.168.0.1 is not a public address: private (192.168.0.0/16, RFC 1918)");
        assert_eq!(filtered(&[]).expect_err("none"), "the name has no address");
    }
}
