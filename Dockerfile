# The image holds one file, /sysg. Other images copy it from here:
#   COPY --from=sysg /sysg /usr/local/bin/sysg
# Built the same twice, to the image's id:
#   podman build --layers=false --timestamp 0 .
#   SOURCE_DATE_EPOCH=0 docker buildx build --output type=docker,rewrite-timestamp=true .
# (podman writes the ids of its layers into a history, and with --format docker that of the container it worked in.)
# Untested: --build-arg BUILDER=alpine:3.20
ARG BUILDER=debian:bookworm
FROM ${BUILDER} AS tools
RUN if command -v apk >/dev/null; then \
		apk add --no-cache build-base meson linux-headers yaml-dev yaml-static; \
	else \
		apt-get update && apt-get install -y --no-install-recommends \
			ca-certificates gcc libc6-dev linux-libc-dev meson ninja-build pkg-config musl-tools; \
	fi

FROM tools AS build
COPY . /src
WORKDIR /src
RUN file=alpine; if command -v musl-gcc >/dev/null; then file=musl; fi; \
	meson setup build/release --native-file build-aux/$file.ini && ninja -C build/release

FROM scratch
COPY --from=build /src/build/release/sysg /sysg
# Each label counts twice in the image's size, which is to stay under 500 KB: it is in the history, too.
LABEL org.opencontainers.image.title=sysg org.opencontainers.image.version=0.1.0 org.opencontainers.image.licenses=MIT
ENTRYPOINT ["/sysg", "start"]
