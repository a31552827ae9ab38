# `make` alone says what there is. Each target does its own set-up, and says what it installs.

PYTHON ?= python3
PORT ?= 8080
ARGS ?=
SECONDS ?= 3600
# Processes that share the tests, file by file: a core each, at most four.
JOBS ?= $(shell cores=$$(nproc); echo $$((cores < 4 ? cores : 4)))
BASE ?= debian:bookworm-slim
IMAGE ?= localhost/sekisho:$(VERSION)
HELM_VERSION := v3.22.0

VENV := .venv
BIN := $(VENV)/bin
export PYTHON
# The tests start hundreds of processes. Each of them would compile our modules anew if it could not keep the result.
export PYTHONDONTWRITEBYTECODE :=

# Debian's packages, by what needs them: what=package, see tools/need.
FOR_VENV := python:ensurepip=python3-venv python:venv=python3-venv
FOR_TESTS := redis-server=redis-server chromium=chromium nginx=nginx php=php-cli systemd-analyze=systemd node=nodejs \
	file:/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc=fonts-noto-cjk
FOR_LONG_TESTS := $(FOR_TESTS) npm=npm javac=default-jdk-headless file:/usr/share/tomcat10=tomcat10 promtool=prometheus amtool=prometheus-alertmanager wrk=wrk \
	apache2=apache2 php-cgi=php-cgi haproxy=haproxy zsh=zsh fish=fish \
	podman=podman buildah=buildah runc=runc debootstrap=debootstrap docker-compose=docker-compose ip=iproute2 lintian=lintian dpkg-deb=dpkg unshare=util-linux \
	rsyslogd=rsyslog file:/usr/share/doc/rsyslog-gnutls=rsyslog-gnutls \
	file:/usr/share/dokuwiki=dokuwiki file:/usr/share/mediawiki=mediawiki file:/usr/share/doc/php-sqlite3=php-sqlite3 \
	file:/usr/share/redmine=redmine file:/usr/share/doc/redmine-sqlite=redmine-sqlite puma=puma \
	file:/usr/share/wordpress=wordpress mariadbd=mariadb-server file:/usr/share/doc/php-mysql=php-mysql \
	file:/usr/share/wordpress/wp-content/themes/twentytwentyone=wordpress-theme-twentytwentyone
FOR_PAGES := chromium=chromium file:/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc=fonts-noto-cjk
FOR_BENCH := redis-server=redis-server nginx=nginx wrk=wrk taskset=util-linux setpriv=util-linux
FOR_ALL_PEERS := $(FOR_BENCH) haproxy=haproxy apache2=apache2 \
	file:/usr/lib/apache2/modules/mod_auth_openidc.so=libapache2-mod-auth-openidc

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' gateway/__init__.py)

HELM = $(shell command -v helm || echo $(BIN)/helm)

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL_US := $(PIP) install --quiet --no-deps --no-build-isolation --editable .
UV_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-long check coverage mutants bench bench-quick soak security pages fmt docs site editor lock release build image chart deb bundle clean

help: ## list the targets
	@echo "Sekisho: make TARGET [ARGS=…]"
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.run ## provider, gateway and five applications on http://localhost:PORT/ (PORT=8080)
	@exec $(BIN)/sekisho demo --port $(PORT) $(ARGS)

test: $(VENV)/.peers ## the tests but the long ones, in random order, two at once on two cores (ARGS="-k name", JOBS=1)
	@tools/need $(FOR_TESTS)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(VENV)/.peers $(VENV)/.site $(VENV)/.upkeep ## every test, properties with new examples: storms, 100,000 examples, gigabytes (JOBS=1)
	@tools/need $(FOR_LONG_TESTS)
	$(BIN)/python -m pytest -m "long or not long" --hypothesis-profile=exploring -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev ## formatting, lint, types, unused code, architecture, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py tests/test_prose.py

coverage: $(VENV)/.dev ## how much of each pure module its own twin covers (ARGS=request/)
	$(BIN)/python -m tests.twins $(ARGS)

mutants: $(VENV)/.upkeep ## whether the tests notice changed lines; for the night (ARGS="gateway.policy.age*")
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

bench: $(VENV)/.peers ## speed beside every peer, on one core; JSON to the file in BENCH_JSON
	@tools/need $(FOR_ALL_PEERS)
	$(BIN)/python -m benchmarks all $(ARGS)

bench-quick: $(VENV)/.dev ## speed beside nginx and an aiohttp proxy; JSON to the file in BENCH_JSON
	@tools/need $(FOR_BENCH)
	$(BIN)/python -m benchmarks quick $(ARGS)

soak: $(VENV)/.dev ## an hour of mixed load with faults: memory, descriptors, audit trail (SECONDS=3600)
	@tools/need redis-server=redis-server
	SEKISHO_SOAK_SECONDS=$(SECONDS) $(BIN)/python -m pytest -m long tests/flows/test_soak.py $(ARGS)

security: $(VENV)/.peers ## what an attacker would try, case by case; SECURITY_CASES names another file
	@tools/need $(FOR_LONG_TESTS)
	$(BIN)/python -m tests.security $(ARGS)

pages: $(VENV)/.dev ## a picture of every state of our own pages, in pages/index.html (ARGS=notice)
	@tools/need $(FOR_PAGES)
	$(BIN)/python -m tests.pages $(ARGS)

fmt: $(VENV)/.dev ## format, and repair what lint can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## write the reference pages anew from the code
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.boards

site: $(VENV)/.site ## the documentation as a site in both languages, with a search, in build/site/; needs no network
	$(BIN)/python -m tools.build_site $(ARGS)

editor: $(VENV)/.dev ## make the workbench's editor anew from tools/editor/package-lock.json (needs npm; ARGS=--check compares)
	$(BIN)/python -m tools.bundle_editor $(ARGS)

lock: $(VENV)/.dev ## resolve the dependencies anew, with hashes (ARGS=--upgrade)
	$(UV_LOCK) $(ARGS) pyproject.toml --output-file requirements.lock
	$(UV_LOCK) $(ARGS) pyproject.toml --extra otel --constraint requirements.lock --output-file requirements-otel.lock
	$(UV_LOCK) $(ARGS) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(UV_LOCK) $(ARGS) pyproject.toml --extra bench --constraint requirements.lock --output-file requirements-bench.lock
	$(UV_LOCK) $(ARGS) pyproject.toml --extra upkeep --constraint requirements-dev.lock --output-file requirements-upkeep.lock
	$(UV_LOCK) $(ARGS) pyproject.toml --extra site --constraint requirements-dev.lock --output-file requirements-site.lock
	echo 'hatchling' | $(UV_LOCK) $(ARGS) - --constraint requirements-dev.lock --output-file requirements-build.lock

release: $(VENV)/.upkeep ## everything of a version, with its bill of materials and sums, in dist/ (ARGS="--draft --image BASE")
	@tools/need dpkg-deb=dpkg
	$(BIN)/python -m tools.release $(ARGS)

build: $(VENV)/.dev ## wheel and sdist, in dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

image: ## the container image localhost/sekisho:VERSION (BASE=debian:bookworm-slim IMAGE=…; ARGS are buildah's)
	@tools/need buildah=buildah
	buildah bud --format docker --file deploy/container/Containerfile --build-arg BASE=$(BASE) \
		--timestamp `git log -1 --format=%ct` --tag $(IMAGE) \
		$(if $(filter localhost/sekisho:%,$(IMAGE)),--tag localhost/sekisho:latest) $(ARGS) .

deb: $(VENV)/.upkeep ## Debian package with an environment of its own, in dist/ (ARGS="--python 3.13 --machine aarch64")
	@tools/need dpkg-deb=dpkg
	$(BIN)/python -m tools.deb $(ARGS)

bundle: $(VENV)/.upkeep ## one archive for closed networks: every library, an installer, a bill of materials; in dist/ (ARGS="--machine aarch64")
	$(BIN)/python -m tools.bundle $(ARGS)

chart: ## the Helm chart in dist/, and the plain manifests of deploy/kubernetes that it renders (installs helm where Go is)
	@command -v $(HELM) >/dev/null || { command -v go >/dev/null || { echo "needs helm, or Go to install it" >&2; exit 2; }; \
		echo "installing helm $(HELM_VERSION) to $(BIN)" >&2; GOBIN=$(abspath $(BIN)) go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION); }
	sed -i 's/^\(version\|appVersion\): .*/\1: $(VERSION)/' deploy/helm/sekisho/Chart.yaml
	$(HELM) lint --strict deploy/helm/sekisho
	{ echo '# `make chart` writes this file from the chart in deploy/helm with its own values. docs/containers.md explains it.'; \
		$(HELM) template sekisho deploy/helm/sekisho --namespace sekisho --kube-version 1.25 | sed '/^\# Source: /d'; } > deploy/kubernetes/sekisho.yaml
	$(HELM) package --destination dist deploy/helm/sekisho

clean: ## remove what make made
	rm -rf $(VENV) dist build mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gateway tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment, in three sizes. Each stamp is as young as the lock it was filled from.

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: apt-get install python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) -V`: make PYTHON=python3.12 …" >&2; exit 2; }
	@tools/need $(FOR_VENV)
	@echo "making the Python environment $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	@tools/install $(BIN)/python requirements.lock requirements-build.lock
	@$(INSTALL_US)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@tools/install $(BIN)/python requirements-dev.lock
	@$(INSTALL_US)
	@touch $@ $(VENV)/.run

# Tools of the targets that run seldom: mutation tests, and the bill of materials of a release.
$(VENV)/.upkeep: requirements-upkeep.lock $(VENV)/.dev | $(VENV)/bin/python
	@tools/install $(BIN)/python requirements-upkeep.lock
	@touch $@

# Sphinx, its Markdown and its theme.
$(VENV)/.site: requirements-site.lock $(VENV)/.dev | $(VENV)/bin/python
	@tools/install $(BIN)/python requirements-site.lock
	@touch $@

# The servers we are tested and measured beside: Envoy, Caddy, Traefik.
$(VENV)/.peers: requirements-bench.lock $(VENV)/.dev | $(VENV)/bin/python
	@tools/install $(BIN)/python requirements-bench.lock
	@touch $@
