# `docker build .` makes the image that serves. Other targets: `train`, which also trains, for jobs, and `development`, which has
# the sources and every tool. No stage needs BuildKit. An image that also speaks to PostgreSQL and an MLflow server:
# docker build --build-arg EXTRAS="postgres mlflow" .

FROM python:3.12-slim-bookworm AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PATH=/opt/tools/bin:$PATH \
    UV_NO_CACHE=1 \
    UV_SYSTEM_CERTS=1
WORKDIR /build
COPY requirements/*.txt requirements/
# uv stays outside the environment, so that the images hold no installer. --no-deps as in requirements/install.py.
RUN pip install --quiet --target /opt/tools --no-deps --require-hashes --requirement requirements/installer.txt \
 && python -m venv --without-pip /opt/venv
ENV VIRTUAL_ENV=/opt/venv


# The libraries, without their own tests, compiled because nothing can be written later.
# Hash-based bytecode is not compared with the sources' times, which a layer need not keep.
FROM builder AS libraries
# other extras of the package, separated by spaces
ARG EXTRAS=
RUN uv pip install --quiet --no-deps --require-hashes $(printf -- '--requirement requirements/%s.txt ' serve $EXTRAS) \
 && find /opt/venv/lib -type d -name tests \( -path '*/numba/*' -o -path '*/numpy/*' \) -prune -exec rm -rf {} + \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


FROM libraries AS training-libraries
RUN uv pip install --quiet --no-deps --require-hashes --requirement requirements/train.txt \
 && find /opt/venv/lib -type d -name tests \( -path '*/scipy/*' -o -path '*/sklearn/*' -o -path '*/matplotlib/*' \) -prune -exec rm -rf {} + \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


# The service by itself: a change to it ships a layer of kilobytes, and the libraries' layer stays as it was.
# The loops over trees are machine code for any processor of the image's kind, not for the one that builds it.
FROM libraries AS service
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_LOCATOR_CLASSES=fraud_detection_api.model.trees.numba_cache.BesideSource
COPY pyproject.toml README.md LICENSE ./
# The bill of materials of each image: what was locked for it. /service goes into the images.
ARG EXTRAS=
COPY requirements/sbom.py requirements/
RUN mkdir -p /service/opt/venv /sbom \
 && python requirements/sbom.py serve $EXTRAS > /service/opt/venv/sbom.cdx.json \
 && python requirements/sbom.py serve $EXTRAS train > /sbom/train.cdx.json
COPY src src
RUN uv pip install --quiet --no-deps --build-constraints requirements/installer.txt --prefix /service/opt/venv . \
 && PYTHONPATH="$(echo /service/opt/venv/lib/python*/site-packages)" /opt/venv/bin/python -c 'from fraud_detection_api.features import kernels; from fraud_detection_api.model import reason_kernels; from fraud_detection_api.model.trees import attribution_kernels, kernels' \
 && python -m compileall -q -s /service -p / --invalidation-mode unchecked-hash /service


# The model that a fresh container starts with: the same simulated records and seed as `fraud serve --train-if-empty`.
FROM training-libraries AS model
COPY --from=service /service/ /
RUN /opt/venv/bin/fraud data synth --rows 100000 --seed 7 --out credit.parquet \
 && /opt/venv/bin/fraud train credit.parquet --seed 7 --registry /registry


# What the images have in common. Libraries and service stay root's: a process cannot change its own code.
FROM python:3.12-slim-bookworm AS base
LABEL org.opencontainers.image.title="fraud-detection-api" \
      org.opencontainers.image.description="Serves calibrated fraud probabilities over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 fraud \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fraud
WORKDIR /app
# A volume takes over the owner of the folder that it is mounted on.
RUN install --directory --owner=10001 --group=10001 --mode=700 /app/store
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_LOCATOR_CLASSES=fraud_detection_api.model.trees.numba_cache.BesideSource \
    FRAUD_HOST=0.0.0.0 \
    FRAUD_REGISTRY=/app/registry \
    FRAUD_STORE=sqlite:////app/store/decisions.db \
    FRAUD_JOURNAL=/app/store/journal
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["fraud"]


FROM base AS serve
COPY --from=libraries /opt/venv /opt/venv
COPY --from=model --chown=10001:10001 /registry /app/registry
COPY --from=service /service/ /
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; probe = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('FRAUD_HEALTH_PORT') or os.environ.get('FRAUD_PORT', 8000)), timeout=2); probe.request('GET', '/readyz'); sys.exit(probe.getresponse().status != 200)"]
CMD ["serve"]


# Jobs that train: `fraud retrain`, `fraud train`, `fraud tune`. It starts without a model.
FROM base AS train
COPY --from=training-libraries /opt/venv /opt/venv
COPY --from=service /service/ /
COPY --from=service /sbom/train.cdx.json /opt/venv/sbom.cdx.json
CMD ["retrain"]


# Tests, lint and notebooks: every extra and group, and the sources as an editable install.
FROM builder AS development
RUN apt-get update \
 && apt-get install --yes --no-install-recommends curl make \
 && rm -rf /var/lib/apt/lists/*
RUN uv pip install --quiet --no-deps --require-hashes --requirement requirements/development.txt
# HOME is a place that any user can write to: compose may run this image under the uid of whoever owns the notebooks.
# A volume takes over the owner of the folder that it is mounted on: /mlflow is where compose keeps MLflow's data.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /app
RUN useradd --uid 1000 --no-create-home developer \
 && mkdir /mlflow \
 && chown developer:developer /app /mlflow
COPY --chown=1000:1000 . .
RUN uv pip install --quiet --no-deps --build-constraints requirements/installer.txt --editable .
USER 1000:1000


# Last, so that it is the default, while a build of `serve` by an engine without BuildKit stops before `development`.
FROM serve
