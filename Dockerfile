# One image for every process: `strongroom controller`, `strongroom hsm`, … Nothing is fetched but Debian packages, and
# Python packages by the hashes of the lock files. hack/image builds the same content without Docker, for the tests.
ARG DEBIAN=trixie

FROM debian:${DEBIAN}-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Without pip: the final stage has nothing that installs.
RUN python3 -m venv --without-pip /opt/strongroom && python3 -m venv --without-pip /opt/build
WORKDIR /source
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/strongroom/bin/python install --require-hashes --only-binary=:all: -r requirements.lock \
 && pip --python /opt/build/bin/python install --require-hashes --only-binary=:all: -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/strongroom/bin/python install --no-deps --no-index /wheels/*.whl

FROM debian:${DEBIAN}-slim
# libsofthsm2 is the token of trials. A vendor's library comes by a volume, or by an image built from this one.
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 libsofthsm2 \
 && rm -rf /var/lib/apt/lists/*
# Libraries ask for the user's name and home.
RUN groupadd --gid 65532 strongroom && useradd --no-log-init --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin strongroom
COPY --from=build /opt/strongroom /opt/strongroom
ENV PATH=/opt/strongroom/bin:/usr/local/bin:/usr/bin:/bin
ENV HOME=/nonexistent
ENV PYTHONUNBUFFERED=1
ENV PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["strongroom"]
LABEL org.opencontainers.image.title="strongroom" \
      org.opencontainers.image.description="A self-hosted key vault for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
