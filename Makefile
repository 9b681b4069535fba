# SPDX-License-Identifier: GPL-2.0
# lodge: the module, the launcher, the tests. "make help" lists what can be made.

PREFIX ?= /usr/local
DESTDIR ?=
UDEV_RULES_DIR ?= /usr/lib/udev/rules.d
TOOLS := selftests/tools
SEED ?=

ifeq ($(KDIR),)
KDIR := $(shell $(TOOLS)/kdir)
endif
export KDIR VENDOR

# What "make check" needs for the test hosts, by VENDOR.
PACKAGES_amd := amd clients
PACKAGES_intel := intel
PACKAGES_debug := amd kernel
HOST_PACKAGES = $(foreach host,$(or $(VENDOR),amd intel debug),$(PACKAGES_$(host)))

KBUILD = $(MAKE) -C $(KDIR) M=$(CURDIR)

all: module launcher tests

need-build:
	@KDIR='$(KDIR)' $(TOOLS)/packages need build

module: need-build
	+$(KBUILD) modules

launcher: need-build
	$(MAKE) -C userspace-launcher

tests: need-build
	$(MAKE) -C selftests

# One object, to see its warnings: make kmod/svm/run.o W=1
kmod/%.o: need-build
	+$(KBUILD) kmod/$*.o

# From kmod/, so that the module lies in extra/ itself and not in extra/kmod/.
install: all
	+$(MAKE) -C $(KDIR) M=$(CURDIR)/kmod modules_install CONFIG_MODULE_SIG_ALL= INSTALL_MOD_DIR=extra $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR))
	install -D -m 0755 userspace-launcher/lodge $(DESTDIR)$(PREFIX)/bin/lodge
	install -D -m 0644 kmod/60-lodge.rules $(DESTDIR)$(UDEV_RULES_DIR)/60-lodge.rules
	$(if $(DESTDIR),,$(TOOLS)/settle)

uninstall:
	rm -f $(DESTDIR)/lib/modules/$(shell $(TOOLS)/kdir release)/extra/lodge.ko
	rm -f $(DESTDIR)$(PREFIX)/bin/lodge $(DESTDIR)$(UDEV_RULES_DIR)/60-lodge.rules
	$(if $(DESTDIR),,$(TOOLS)/settle)

clean:
	+$(if $(KDIR),$(KBUILD) clean,@echo "no kernel headers: kmod/ left as it is")
	$(MAKE) -C userspace-launcher clean
	$(MAKE) -C selftests clean

# The two commands for a fresh machine: both install what is missing first.
demo:
	$(TOOLS)/packages install build host $(filter intel,$(VENDOR))
	$(MAKE) module launcher
	$(TOOLS)/demo

# The second make looks for the headers again, which may just have been installed.
check:
	$(TOOLS)/packages install build host lint $(HOST_PACKAGES)
	$(MAKE) check-installed

check-installed:
	$(TOOLS)/check all

# Parts of "make check", without installing anything.
lint tools unit test:
	$(TOOLS)/packages need build host $(if $(filter lint,$@),lint) \
		$(if $(filter test,$@),$(HOST_PACKAGES))
	$(TOOLS)/check $(if $(filter test,$@),build) $@

# Random ioctls and random guests, MINUTES for the three cases of a host together.
fuzz: MINUTES ?= 60
fuzz:
	$(TOOLS)/packages install build host $(HOST_PACKAGES)
	CASES='*_fuzz_test' LODGE_FUZZ_SECONDS=$$((60 * $(MINUTES) / 3)) LODGE_FUZZ_SEED=$(SEED) \
		$(TOOLS)/check build test

# Memory, disturbed and wanting, MINUTES for the 14 cases of a host together.
stress: MINUTES ?= 30
stress:
	$(TOOLS)/packages install build host $(HOST_PACKAGES)
	CASES='memory_stress* fault_injection_test' LODGE_STRESS_SECONDS=$$((60 * $(MINUTES) / 14)) \
		LODGE_STRESS_SEED=$(SEED) $(TOOLS)/check build test

# What operations cost on KVM and on lodge; selftests/README.md says how to read it.
bench:
	$(TOOLS)/packages need build host $(PACKAGES_$(VENDOR))
	$(MAKE) module launcher tests
	$(TOOLS)/bench

help:
	@cat $(TOOLS)/help.txt

.PHONY: all need-build module launcher tests install uninstall clean demo check check-installed lint tools unit test fuzz stress bench help
