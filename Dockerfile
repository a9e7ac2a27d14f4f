# `docker build .` makes the image that serves. Two more stages can be asked for: `development`, which carries the sources
# and every tool, and `runtime`, which is the same as the default. No stage needs BuildKit.
# An image that also speaks to PostgreSQL and an MLflow server: `docker build --build-arg EXTRAS="postgres mlflow" .`

FROM python:3.12-slim-bookworm AS builder
# the Makefile's versions; a test holds the two together
ARG POETRY_VERSION=2.5.1
ARG POETRY_EXPORT_VERSION=1.10.1
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/poetry \
 && /opt/poetry/bin/pip install --quiet "poetry==$POETRY_VERSION" "poetry-plugin-export==$POETRY_EXPORT_VERSION"
WORKDIR /build
COPY pyproject.toml poetry.lock ./
# extras of the library that serve as well, separated by spaces; below Poetry, which other extras need not install anew
ARG EXTRAS=
RUN /opt/poetry/bin/poetry export --quiet ${EXTRAS:+--extras "$EXTRAS"} --output serve.txt \
 && /opt/poetry/bin/poetry export --quiet --extras train --output train.txt \
 && /opt/poetry/bin/poetry export --quiet --all-extras --with test,lint,notebook,jupyter,tracking --output development.txt
# Poetry's pip installs from outside, so that what serves holds no installer. --no-deps as in the Makefile.
RUN python -m venv --without-pip /opt/venv \
 && /opt/poetry/bin/pip --python /opt/venv/bin/python install --quiet --no-compile --no-deps --require-hashes --requirement serve.txt


# The libraries that serving needs, without their own tests (49 MB), compiled because nothing can be written later.
# Hash-based bytecode is not compared with the sources' times, which a layer need not keep.
FROM builder AS libraries
RUN find /opt/venv/lib -type d -name tests \( -path '*/numba/*' -o -path '*/numpy/*' -o -path '*/scipy/*' \) -prune -exec rm -rf {} + \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


# The service by itself: a change to it ships a layer of kilobytes, and the libraries' layer stays as it was.
# The loops over trees are machine code for any processor of the image's kind, not for the one that builds it.
FROM builder AS service
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_LOCATOR_CLASSES=fraud_detection_api.model.trees.numba_cache.BesideSource
COPY README.md LICENSE ./
COPY src src
RUN /opt/poetry/bin/pip --python /opt/venv/bin/python install --quiet --no-compile --no-deps --root /service . \
 && PYTHONPATH="$(echo /service/opt/venv/lib/python*/site-packages)" /opt/venv/bin/python -c 'import fraud_detection_api.model.trees.kernels' \
 && /opt/venv/bin/python -m compileall -q -s /service -p / --invalidation-mode unchecked-hash /service


# The model that a fresh container starts with: the same simulated records and seed as `fraud serve --train-if-empty`.
FROM builder AS model
RUN /opt/poetry/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --require-hashes --requirement train.txt
COPY --from=service /service/ /
RUN /opt/venv/bin/fraud data synth --rows 100000 --seed 7 --out credit.parquet \
 && /opt/venv/bin/fraud train credit.parquet --seed 7 --registry /registry


FROM python:3.12-slim-bookworm AS runtime
LABEL org.opencontainers.image.title="fraud-detection-api" \
      org.opencontainers.image.description="Serves calibrated fraud probabilities over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 fraud \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fraud
WORKDIR /app
# libraries and service stay root's: the process that serves cannot change its own code
COPY --from=libraries /opt/venv /opt/venv
COPY --from=model --chown=10001:10001 /registry /app/registry
# decisions are kept here; a volume takes over the owner of the folder that it is mounted on
RUN install --directory --owner=10001 --group=10001 --mode=700 /app/store
COPY --from=service /service/ /
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_LOCATOR_CLASSES=fraud_detection_api.model.trees.numba_cache.BesideSource \
    FRAUD_HOST=0.0.0.0 \
    FRAUD_REGISTRY=/app/registry \
    FRAUD_STORE=sqlite:////app/store/decisions.db \
    FRAUD_JOURNAL=/app/store/journal
# by number, so that an orchestrator can tell that it is not root
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; probe = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('FRAUD_PORT', 8000)), timeout=2); probe.request('GET', '/readyz'); sys.exit(probe.getresponse().status != 200)"]
ENTRYPOINT ["fraud"]
CMD ["serve"]


# Tests, lint and notebooks: every extra and group, and the sources as an editable install.
FROM builder AS development
RUN apt-get update \
 && apt-get install --yes --no-install-recommends curl make \
 && rm -rf /var/lib/apt/lists/*
RUN /opt/poetry/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --require-hashes --requirement development.txt
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
RUN /opt/poetry/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --editable .
USER 1000:1000


# Last, so that it is the default, while a build of `runtime` by an engine without BuildKit stops before `development`.
FROM runtime
