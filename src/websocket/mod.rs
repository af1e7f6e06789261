//! What is a WebSocket frame? (RFC 6455)
