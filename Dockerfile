# One static file in an empty image, run by a user who owns nothing.
#
#   docker build -t tidegate .
#   docker run -v ./reverse-proxy-config.ini:/prod/reverse-proxy-config.ini:ro -p 8080:8080 tidegate

FROM rust:1-slim-bookworm AS build
WORKDIR /tidegate
COPY Cargo.toml Cargo.lock ./
COPY src src
# A static binary on the gnu target. Naming the target keeps the flag away from build scripts.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --release --locked --target "$target" \
    && mkdir -p /out/prod \
    && cp "target/$target/release/tidegate" /out/tidegate

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["/tidegate", "healthcheck"]
ENTRYPOINT ["/tidegate"]
