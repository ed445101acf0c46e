//! What every client needs: connections, routes kept fresh, heartbeats, answers to brokers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use protocol::bodies::{HeartbeatData, ProducerData, TopicRouteData};
use protocol::codes::response;
use protocol::requests::{GetRouteInfoByTopic, HeartBeat, UnregisterClient};
use protocol::{Command, Request, json, topic};
use remoting::{Client, ClientOptions, Service};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::consumer::Members;
use crate::names::{NameServers, typed};
use crate::producer::CheckBack;
use crate::route::{MASTER_ID, Route};
use crate::{ClientError, LOG, Settings};

mod callbacks;

use callbacks::Callbacks;

/// What this client is to its group.
pub(crate) enum Role {
    /// It sends; with what answers questions about transactions.
    Producer(Option<Arc<CheckBack>>),
    /// It consumes; the part that brokers' requests are about.
    Consumer(Arc<Members>),
    /// It only calls.
    Tool,
}

/// The shared inside of a producer or a consumer; on its own, a way to call any request.
pub struct Instance {
    settings: Settings,
    client_id: String,
    role: Role,
    remoting: Client,
    names: NameServers,
    routes: RwLock<HashMap<String, Arc<Route>>>,
    /// Brokers that a producer has told of itself.
    greeted: Mutex<HashSet<String>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Instance {
    /// For tools: connections and name servers, no group.
    ///
    /// # Errors
    /// When there is no name server address.
    pub async fn tool(settings: Settings) -> Result<Arc<Self>, ClientError> {
        Self::start(settings, Role::Tool).await
    }

    pub(crate) async fn start(settings: Settings, role: Role) -> Result<Arc<Self>, ClientError> {
        let names = NameServers::parse(&settings.name_servers)?;
        let callbacks = Arc::new(Callbacks::default());
        let options = ClientOptions {
            service: Some(Arc::clone(&callbacks) as Arc<dyn Service>),
            ..settings.connections.clone()
        };
        let instance = Arc::new(Self {
            client_id: settings.client_id(),
            settings,
            role,
            remoting: Client::new(options),
            names,
            routes: RwLock::default(),
            greeted: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        callbacks.serve(&instance);
        if !matches!(instance.role, Role::Tool) {
            instance.every(instance.settings.poll_routes, |it| async move { it.refresh().await });
            instance.every(instance.settings.heartbeat, |it| async move { it.beat().await });
        }
        Ok(instance)
    }

    /// Runs `work` after each period until the client stops.
    pub(crate) fn every<F>(
        self: &Arc<Self>,
        period: std::time::Duration,
        work: impl Fn(Arc<Self>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let (instance, stop) = (Arc::downgrade(self), self.stop.clone());
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(period) => {}
                    () = stop.cancelled() => return,
                }
                let Some(instance) = instance.upgrade() else {
                    return;
                };
                tokio::select! {
                    () = work(instance) => {}
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Runs `work` until it is done or the client stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// The settings it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The id under which brokers know it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The connections.
    #[must_use]
    pub fn remoting(&self) -> &Client {
        &self.remoting
    }

    /// The name servers.
    #[must_use]
    pub fn names(&self) -> &NameServers {
        &self.names
    }

    /// Sends a typed request; refusals are errors.
    ///
    /// # Errors
    /// Failed calls, refusals and malformed answers.
    pub async fn ask<R: Request>(
        &self,
        addr: &str,
        request: &R,
        body: Vec<u8>,
    ) -> Result<(R::Reply, Command), ClientError> {
        let command = Command::of(request)?.body(body);
        typed::<R>(self.remoting.call(addr, command, self.settings.timeout).await?)
    }

    /// The raw route of a topic, from the name server.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] when it knows none.
    pub async fn ask_route(&self, topic: &str) -> Result<TopicRouteData, ClientError> {
        let request = GetRouteInfoByTopic { topic: topic.to_owned() };
        let asked = self.names.ask(&self.remoting, &request, self.settings.timeout).await;
        match asked {
            Ok((_, answer)) => json::from_slice(&answer.body)
                .map_err(|error| ClientError::Malformed(error.to_string())),
            Err(ClientError::Refused { code: response::TOPIC_NOT_EXIST, .. }) => {
                Err(ClientError::NoRoute(topic.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The route of a topic, asked for once and then kept fresh.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] when the name server knows none.
    pub async fn route(&self, topic: &str) -> Result<Arc<Route>, ClientError> {
        if let Some(route) = self.routes.read().get(topic) {
            return Ok(Arc::clone(route));
        }
        let data = self.ask_route(topic).await?;
        Ok(self.learn(topic, Route::of(topic, &data)))
    }

    /// Where to send messages of a topic; of one that does not exist yet, where it would be
    /// created.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] when no broker would take it.
    pub(crate) async fn publish_route(
        self: &Arc<Self>,
        topic: &str,
    ) -> Result<Arc<Route>, ClientError> {
        if let Some(route) = self.routes.read().get(topic).filter(|it| !it.publish.is_empty()) {
            return Ok(Arc::clone(route));
        }
        let found = match self.ask_route(topic).await {
            Ok(data) => Some(self.learn(topic, Route::of(topic, &data))),
            Err(ClientError::NoRoute(_)) => None,
            Err(error) => return Err(error),
        };
        let route = match found.filter(|route| !route.publish.is_empty()) {
            Some(route) => route,
            None => self.route_by_default(topic).await?,
        };
        self.greet(&route);
        Ok(route)
    }

    /// Tells brokers that a producer sends to for the first time that it is there, so that they
    /// know whom to ask about transactions.
    fn greet(self: &Arc<Self>, route: &Route) {
        let Some(body) = self.heartbeat_data().map(|data| json::to_vec(&data)) else {
            return;
        };
        let masters = route.brokers.values().filter_map(|addrs| addrs.get(&MASTER_ID));
        let new: Vec<String> = {
            let mut greeted = self.greeted.lock();
            masters.filter(|addr| greeted.insert((*addr).clone())).cloned().collect()
        };
        for addr in new {
            let (instance, body) = (Arc::clone(self), body.clone());
            self.spawn(async move { instance.beat_with(&addr, body).await });
        }
    }

    async fn route_by_default(&self, name: &str) -> Result<Arc<Route>, ClientError> {
        let mut data = match self.ask_route(topic::AUTO_CREATE).await {
            Err(ClientError::NoRoute(_)) => return Err(ClientError::NoRoute(name.to_owned())),
            other => other?,
        };
        for queues in &mut data.queue_datas {
            queues.read_queue_nums = queues.read_queue_nums.min(self.settings.default_topic_queues);
            queues.write_queue_nums = queues.read_queue_nums;
        }
        let route = Route::of(name, &data);
        if route.publish.is_empty() {
            return Err(ClientError::NoRoute(name.to_owned()));
        }
        Ok(self.learn(name, route))
    }

    fn learn(&self, topic: &str, route: Route) -> Arc<Route> {
        let route = Arc::new(route);
        self.routes.write().insert(topic.to_owned(), Arc::clone(&route));
        route
    }

    /// Asks again for every route that is in use.
    pub(crate) async fn refresh(&self) {
        let known: Vec<String> = self.routes.read().keys().cloned().collect();
        for topic in known {
            match self.ask_route(&topic).await {
                Ok(data) => {
                    self.learn(&topic, Route::of(&topic, &data));
                }
                // A topic that is about to be created has no route of its own yet; and what is
                // known may still serve while name servers are away.
                Err(error) => tracing::debug!(target: LOG, topic, %error, "route not refreshed"),
            }
        }
    }

    /// Tells every broker in the routes that we live.
    pub(crate) async fn beat(&self) {
        let Some(data) = self.heartbeat_data() else {
            return;
        };
        let body = json::to_vec(&data);
        let brokers = self.brokers(matches!(self.role, Role::Consumer(_)));
        // One that does not answer holds up none of the others.
        join_all(brokers.iter().map(|addr| self.beat_with(addr, body.clone()))).await;
    }

    /// Tells one broker that we live, which forgot us or never knew us.
    pub(crate) async fn beat_to(&self, addr: &str) {
        if let Some(data) = self.heartbeat_data() {
            self.beat_with(addr, json::to_vec(&data)).await;
        }
    }

    async fn beat_with(&self, addr: &str, body: Vec<u8>) {
        if let Err(error) = self.ask(addr, &HeartBeat, body).await {
            tracing::warn!(target: LOG, addr, %error, "heartbeat failed");
        }
    }

    fn heartbeat_data(&self) -> Option<HeartbeatData> {
        let mut data =
            HeartbeatData { client_id: self.client_id.clone(), ..HeartbeatData::default() };
        let group_name = self.settings.group.clone();
        match &self.role {
            Role::Tool => return None,
            Role::Producer(_) => data.producer_data_set.push(ProducerData { group_name }),
            Role::Consumer(members) => data.consumer_data_set.push(members.data(group_name)),
        }
        Some(data)
    }

    /// Addresses in the routes; producers leave slaves out.
    fn brokers(&self, slaves_too: bool) -> HashSet<String> {
        let routes = self.routes.read();
        let brokers = routes.values().flat_map(|route| route.brokers.values()).flatten();
        let wanted = brokers.filter(|(id, _)| slaves_too || **id == MASTER_ID);
        wanted.map(|(_, addr)| addr.clone()).collect()
    }

    /// Leaves the group on every broker and ends all connections.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let group = Some(self.settings.group.clone());
        let request = UnregisterClient {
            client_id: self.client_id.clone(),
            producer_group: group.clone().filter(|_| matches!(self.role, Role::Producer(_))),
            consumer_group: group.filter(|_| matches!(self.role, Role::Consumer(_))),
        };
        if !matches!(self.role, Role::Tool) {
            for addr in self.brokers(true) {
                if let Err(error) = self.ask(&addr, &request, Vec::new()).await {
                    tracing::warn!(target: LOG, addr, %error, "unregister failed");
                }
            }
        }
        self.remoting.shutdown().await;
    }
}
