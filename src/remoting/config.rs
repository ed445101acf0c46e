//! Settings of the sockets: what servers and clients of this process use.

use config::config_table;

/// Socket buffer size 4.4.0 asks for where nobody says otherwise.
const SOCKET_BUFFER_DEFAULT: i32 = 65_535;
/// Calls and one-way sends a client keeps under way.
const CLIENT_PERMITS_DEFAULT: i32 = 65_535;

/// System property that sets the send buffer of all sockets.
pub const SNDBUF_PROPERTY: &str = "com.rocketmq.remoting.socket.sndbuf.size";
/// System property that sets the receive buffer of all sockets.
pub const RCVBUF_PROPERTY: &str = "com.rocketmq.remoting.socket.rcvbuf.size";

config_table! {
    /// The listening side. A broker starts with `listenPort` 10911 and buffers of 128 KiB, a name
    /// server with `listenPort` 9876.
    pub struct ServerConfig(env) {
        /// TCP port, on all interfaces. A broker listens on this port minus 2 (VIP) and plus 1 (HA)
        /// as well.
        @restart "listenPort" listen_port: i32 = 8888,
        /// Threads that decode and encode frames in 4.4.0.
        @restart "serverWorkerThreads" server_worker_threads: i32 = 8,
        /// Threads for callbacks in 4.4.0; 0 means 4.
        @restart "serverCallbackExecutorThreads" server_callback_executor_threads: i32 = 0,
        /// Threads that watch sockets in 4.4.0.
        @restart "serverSelectorThreads" server_selector_threads: i32 = 3,
        /// One-way requests to clients that may be under way at once.
        @restart "serverOnewaySemaphoreValue" server_oneway_semaphore_value: i32 = 256,
        /// Asynchronous requests to clients that may be under way at once.
        @restart "serverAsyncSemaphoreValue" server_async_semaphore_value: i32 = 64,
        /// Seconds without any traffic after which a connection is closed.
        @restart "serverChannelMaxIdleTimeSeconds" server_channel_max_idle_time_seconds: i32 = 120,
        /// SO_SNDBUF of accepted connections, in bytes.
        @restart "serverSocketSndBufSize" server_socket_snd_buf_size: i32 =
            env.int_property(SNDBUF_PROPERTY, SOCKET_BUFFER_DEFAULT),
        /// SO_RCVBUF of accepted connections, in bytes.
        @restart "serverSocketRcvBufSize" server_socket_rcv_buf_size: i32 =
            env.int_property(RCVBUF_PROPERTY, SOCKET_BUFFER_DEFAULT),
        /// Pooled buffers in 4.4.0; kept so that files load.
        @restart "serverPooledByteBufAllocatorEnable" server_pooled_byte_buf_allocator_enable: bool =
            true,
        /// Native epoll transport in 4.4.0; kept so that files load.
        @restart "useEpollNativeSelector" use_epoll_native_selector: bool = false,
    }
}

config_table! {
    /// The connecting side: a broker's calls to name servers and to its master.
    pub struct ClientConfig(env) {
        /// Threads that decode and encode frames in 4.4.0.
        @restart "clientWorkerThreads" client_worker_threads: i32 = 4,
        /// Threads for callbacks in 4.4.0: one a CPU.
        @restart "clientCallbackExecutorThreads" client_callback_executor_threads: i32 = env.cpus(),
        /// One-way requests that may be under way at once.
        @restart "clientOnewaySemaphoreValue" client_oneway_semaphore_value: i32 =
            env.int_property("com.rocketmq.remoting.clientOnewaySemaphoreValue", CLIENT_PERMITS_DEFAULT),
        /// Asynchronous requests that may be under way at once.
        @restart "clientAsyncSemaphoreValue" client_async_semaphore_value: i32 =
            env.int_property("com.rocketmq.remoting.clientAsyncSemaphoreValue", CLIENT_PERMITS_DEFAULT),
        /// Milliseconds a connection attempt may take.
        @restart "connectTimeoutMillis" connect_timeout_millis: i32 = 3000,
        /// Nothing reads it in 4.4.0.
        "channelNotActiveInterval" channel_not_active_interval: i64 = 60_000,
        /// Seconds without any traffic after which a connection is closed.
        @restart "clientChannelMaxIdleTimeSeconds" client_channel_max_idle_time_seconds: i32 = 120,
        /// SO_SNDBUF of outgoing connections, in bytes.
        @restart "clientSocketSndBufSize" client_socket_snd_buf_size: i32 =
            env.int_property(SNDBUF_PROPERTY, SOCKET_BUFFER_DEFAULT),
        /// SO_RCVBUF of outgoing connections, in bytes.
        @restart "clientSocketRcvBufSize" client_socket_rcv_buf_size: i32 =
            env.int_property(RCVBUF_PROPERTY, SOCKET_BUFFER_DEFAULT),
        /// Nothing reads it in 4.4.0.
        "clientPooledByteBufAllocatorEnable" client_pooled_byte_buf_allocator_enable: bool = false,
        /// Close the connection when a call on it times out.
        @restart "clientCloseSocketIfTimeout" client_close_socket_if_timeout: bool = false,
        /// TLS on outgoing connections. A broker starts with the system property `tls.enable`, and
        /// where
        /// that is missing with true if `tls.server.mode` is `enforcing`.
        @restart "useTLS" use_tls: bool = false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Env;

    #[test]
    fn buffer_sizes_follow_the_system_properties() {
        let env = Env::empty().with_property(SNDBUF_PROPERTY, "1024").with_cpus(3);
        let (server, client) = (ServerConfig::from_env(&env), ClientConfig::from_env(&env));
        assert_eq!(
            (server.server_socket_snd_buf_size, server.server_socket_rcv_buf_size),
            (1024, 65_535)
        );
        assert_eq!(
            (client.client_socket_snd_buf_size, client.client_callback_executor_threads),
            (1024, 3)
        );
    }
}
