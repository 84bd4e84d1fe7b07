# syntax=docker/dockerfile:1
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag <registry>/mdi-operator:0.1.0 --push .
#
# Each architecture is compiled on its own platform, by emulation where there is no builder for it: no cross
# compiler to keep. Never run where it was written, for want of a container engine; its commands were, by hand.
# Before a release pin both images by digest: append the @sha256:... that `docker buildx imagetools inspect` prints.

FROM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /source
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/cache \
    cargo build --release --locked --package mdi-operator --target-dir /cache/$TARGETARCH \
 && cp /cache/$TARGETARCH/release/mdi-operator /mdi-operator

# glibc, CA certificates and user 65532; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="mdi-operator" \
      org.opencontainers.image.description="Keeps the managed identities of Azure Managed DevOps Pools true" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /mdi-operator /usr/local/bin/mdi-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/mdi-operator"]
