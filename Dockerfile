# The image holds one file, /sysg. Other images copy it from here:
#   COPY --from=sysg /sysg /usr/local/bin/sysg
FROM debian:bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
	ca-certificates gcc libc6-dev linux-libc-dev meson ninja-build pkg-config musl-tools uthash-dev
COPY . /src
WORKDIR /src
RUN meson setup build/release --native-file build-aux/musl.ini && ninja -C build/release

FROM scratch
COPY --from=build /src/build/release/sysg /sysg
STOPSIGNAL SIGTERM
ENTRYPOINT ["/sysg", "start"]
