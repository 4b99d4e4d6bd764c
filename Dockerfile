# One image for each service: docker build --target api|scheduler|executor|events .
#
# An image holds the library, its service, and what these two need, with the hashes and releases
# of requirements/<service>.txt.  It runs as a user without a name or a shell; nothing in it can
# be written by that user, so it also runs with a read-only root.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY libs/common libs/common
COPY libs/plugins libs/plugins
COPY services services
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels \
    ./libs/common ./libs/plugins ./services/api ./services/scheduler ./services/executor ./services/events

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 MAINSPRING_HOST=0.0.0.0
# Alive is not ready: an orchestrator restarts on this one and routes by /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MAINSPRING_PORT'] + '/healthz', timeout=2)"]
WORKDIR /run/mainspring

FROM base AS api
COPY requirements/api.txt /tmp/
RUN pip install --require-hashes -r /tmp/api.txt
COPY --from=build /wheels/mainspring_common-*.whl /wheels/mainspring_plugins-*.whl /wheels/mainspring_api-*.whl /tmp/
RUN pip install --no-deps /tmp/mainspring_*.whl
ENV MAINSPRING_PORT=8080
EXPOSE 8080
USER 10001:10001
ENTRYPOINT ["python", "-m", "mainspring_api"]

FROM base AS scheduler
COPY requirements/scheduler.txt /tmp/
RUN pip install --require-hashes -r /tmp/scheduler.txt
COPY --from=build /wheels/mainspring_common-*.whl /wheels/mainspring_scheduler-*.whl /tmp/
RUN pip install --no-deps /tmp/mainspring_*.whl
ENV MAINSPRING_PORT=8081
EXPOSE 8081
USER 10001:10001
ENTRYPOINT ["python", "-m", "mainspring_scheduler"]

FROM base AS executor
COPY requirements/executor.txt /tmp/
RUN pip install --require-hashes -r /tmp/executor.txt
COPY --from=build /wheels/mainspring_common-*.whl /wheels/mainspring_plugins-*.whl /wheels/mainspring_executor-*.whl /tmp/
RUN pip install --no-deps /tmp/mainspring_*.whl
ENV MAINSPRING_PORT=8082
EXPOSE 8082
USER 10001:10001
ENTRYPOINT ["python", "-m", "mainspring_executor"]

FROM base AS events
COPY requirements/events.txt /tmp/
RUN pip install --require-hashes -r /tmp/events.txt
COPY --from=build /wheels/mainspring_common-*.whl /wheels/mainspring_events-*.whl /tmp/
RUN pip install --no-deps /tmp/mainspring_*.whl
ENV MAINSPRING_PORT=8083
EXPOSE 8083
USER 10001:10001
ENTRYPOINT ["python", "-m", "mainspring_events"]
