# docker build -t gossipmab . && docker run --rm -v "$PWD/runs:/work/runs" gossipmab gossipmab run quickstart
# For KubeRay (docs/cluster.md): docker build --build-arg BASE=rayproject/ray:2.60.0-py311 -t registry.example/gossipmab:0.2.0 .
ARG BASE=python:3.12-slim
FROM ${BASE}
WORKDIR /work
COPY . /tmp/gossipmab
RUN pip install --no-cache-dir /tmp/gossipmab
ENV NUMBA_CACHE_DIR=/tmp/numba
CMD ["gossipmab", "--help"]
