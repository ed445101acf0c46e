@echo There is no Windows program of this RocketMQ: run it on Linux or in WSL, or use the Java release. 1>&2 & exit /b 1
