master/master: master/master.c master/master.h lib/base/moment.h \
 lib/base/vector.h lib/base/memory.h lib/base/compiler.h \
 lib/config/config.h lib/base/error.h lib/base/str.h lib/base/slice.h \
 lib/config/parameters.def lib/service/control.h lib/service/events.h \
 lib/base/scope.h lib/base/arena.h lib/log/log.h
master/master.h:
lib/base/moment.h:
lib/base/vector.h:
lib/base/memory.h:
lib/base/compiler.h:
lib/config/config.h:
lib/base/error.h:
lib/base/str.h:
lib/base/slice.h:
lib/config/parameters.def:
lib/service/control.h:
lib/service/events.h:
lib/base/scope.h:
lib/base/arena.h:
lib/log/log.h:
