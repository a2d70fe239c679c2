# The two commands: `make demo` shows what Fanfold does, `make test` checks that it does it.
# Both install what is missing, and build, first. CMake does the building: see CMakePresets.json.

# Debian packages to build, test and run Fanfold.
PACKAGES = gcc g++ make cmake pkg-config libc6-dev libgmp-dev libflint-dev libecm-dev \
           libjansson-dev libinih-dev libssl-dev libxxhash-dev zlib1g-dev libzstd-dev \
           libcurl4-openssl-dev libgtest-dev openmpi-bin libopenmpi-dev openssh-client \
           ca-certificates locales
# What .ci/run needs besides.
CI_PACKAGES = mpich libmpich-dev clang-14 libomp-14-dev libclang-rt-14-dev clang-format \
              clang-tidy cppcheck gpg openssl dns-root-data gnuplot-nox libxml2-utils \
              libflint-arb-dev $(CLUSTER_PACKAGES)
# What a cluster on one machine takes (tests/cluster).
CLUSTER_PACKAGES = slurm-wlm munge iproute2 openssh-server openssh-client openmpi-bin procps

# What `bench/dispatch`, `bench/factor` and `bench/integrate_*` are held against; nothing
# else needs it.
PEER_PACKAGES = libtbb-dev python3 python3-joblib python3-mpi4py openmpi-bin pari-gp \
                libgsl-dev libcubature-dev python3-mpmath python3-scipy

# Real keys that tests of weakkeys read where they are there: 60 MB.
KEYS_PACKAGES = debian-keyring python3-cryptography-vectors

.PHONY: release demo test test-long test-cluster install-deps install-ci-deps install-keys bench-peers \
        clean

release: install-deps
	@.ci/build release

demo: install-deps
	@.ci/build release fanfold_command fanfold
	@jobs/demo.sh build/release/bin/fanfold

test: install-deps
	@.ci/build dev
	@.ci/ctest dev

test-long: install-deps
	@.ci/build dev
	@.ci/ctest long

test-cluster: install-deps
	@cmake/need-packages.sh $(CLUSTER_PACKAGES)
	@.ci/build dev
	@.ci/ctest cluster

install-deps:
	@cmake/need-packages.sh $(PACKAGES)

install-ci-deps: install-deps
	@cmake/need-packages.sh $(CI_PACKAGES)

install-keys:
	@cmake/need-packages.sh $(KEYS_PACKAGES)

bench-peers:
	@cmake/need-packages.sh $(PEER_PACKAGES)

clean:
	rm -rf build
