//! The figures of a name server for whoever scrapes it.

use observe::{Metric, Scrape, Source};

use crate::Namesrv;

impl Source for Namesrv {
    fn collect(&self, scrape: &mut Scrape) {
        if let Some(requests) = &self.requests {
            requests.collect(scrape);
        }
        scrape.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION"), "namesrv"], 1.0);
        let port = self.local_addr().port().to_string();
        scrape.set(Metric::Connections, &[&port], self.server.connections() as f64);
        let sizes = self.state.routes.read().sizes();
        scrape.set(Metric::NamesrvBrokers, &[], sizes.brokers as f64);
        scrape.set(Metric::NamesrvClusters, &[], sizes.clusters as f64);
        scrape.set(Metric::NamesrvTopics, &[], sizes.topics as f64);
    }

    fn alive(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
