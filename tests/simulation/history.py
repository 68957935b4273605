"""A seed's history: chaos, then peace, then the passing of time."""

from detector.core.instant import DAY, HOUR, MINUTE
from detector.state.keys import MARKS
from detector.state.marks import OUTBOX
from tests.simulation.hub import Partition
from tests.simulation.requests import Faults
from tests.simulation.world import HOSTS, MOST_TASKS, World

_LONGEST_CHAOS = 1_200


class History(World):
    """Everything of one seed, from the first message to the last row that expires."""

    def run(self) -> "World":
        """Chaos, peace, and the passing of a window."""
        self.chaos()
        self.settle()
        self.truth.check(self)
        self.pass_time()
        if self.expires:
            self.expire()
        return self

    def chaos(self) -> None:
        """Everything happens until all is consumed."""
        self._rough()
        for host in HOSTS:
            self._boot(host)
        steps = 0
        while steps < _LONGEST_CHAOS and not all(p.is_consumed for p in self.partitions):
            steps += 1
            self._weather()
            self.scheduler.step()

    def _boot(self, host: str) -> None:
        for _ in range(self.weather.timers):
            self.spawn(host, "timer", self.timer(host))

    def _weather(self) -> None:
        """What happens by itself between two steps."""
        self._arrivals()
        self._misfortune()
        if self._is_emptying:
            self._recreate()
        if self.scheduler.orphans and self.random.random() < 0.1:
            self.scheduler.land()

    def _arrivals(self) -> None:
        random = self.random
        for partition in self.partitions:
            more = len(partition.messages) < len(partition.bodies) and not self._is_emptying
            if more and random.random() < 0.05:
                self.truth.delivered(partition.reveal(self.scheduler.now), partition.epoch)
            lease = partition.lease
            chance = 0.2 if lease is None else self.weather.steal
            if random.random() < chance and len(self.scheduler.tasks) < MOST_TASKS:
                self._claim(partition, random.choice(HOSTS))

    def _misfortune(self) -> None:
        random, weather = self.random, self.weather
        dice = random.random()
        if dice < weather.crash:
            self._crash(random.choice(HOSTS))
        elif dice < weather.crash + weather.jump:
            self.scheduler.now += int(random.random() * 2 * HOUR)
            self.scheduler.log("the clock jumps")
        elif dice < weather.crash + weather.jump + weather.person:
            self._resolve()
        elif dice > 0.999:
            self.spawn(random.choice(HOSTS), "housekeep", self.housekeeper(random.choice(HOSTS)))

    @property
    def _is_emptying(self) -> bool:
        """Nothing more arrives until the hub that there is has been consumed."""
        return self.weather.recreates and not self.recreated and self.scheduler.steps > 200

    def _claim(self, partition: Partition, host: str) -> None:
        self.scheduler.log("steal" if partition.lease else "claim", partition.name, host)
        lease = partition.claim(host)
        name = f"processor of {partition.name} "
        self.spawn(host, name, self.processor(host, partition, lease))

    def _crash(self, host: str) -> None:
        self.scheduler.crash(host)
        for partition in self.partitions:
            if partition.lease is not None and partition.lease.host == host:
                partition.lease = None
        self._boot(host)

    def _resolve(self) -> None:
        """A person closes an incident."""
        active = [i for i in self.graph.incidents.values() if not i.ended_by]
        if active:
            incident = self.random.choice(active)
            incident.ended_by = "person"
            incident.classification = self.random.choice(["", "truePositive", "falsePositive"])
            self.scheduler.log("resolved by a person", incident.id)

    def _recreate(self) -> None:
        """Somebody deletes the hub and makes it again, once all that had arrived was taken."""
        if any(p.checkpoint != len(p.messages) for p in self.partitions):
            return
        self.recreated = True
        for host in HOSTS:
            self._crash(host)
        for partition in self.partitions:
            partition.recreate()
        self.scheduler.log("the hub is recreated")

    def settle(self) -> None:
        """No more faults: what is in flight lands, everything is consumed, judged and sent."""
        scheduler = self.scheduler
        self._calm()
        self.draining = True
        self._skews = dict.fromkeys(HOSTS, 0)
        for host in HOSTS:
            self.scheduler.crash(host)
        scheduler.land(all_of_them=True)
        for partition in self.partitions:
            while len(partition.messages) < len(partition.bodies):
                self.truth.delivered(partition.reveal(scheduler.now), partition.epoch)
            self._claim(partition, "A")
        scheduler.run()
        self.rough_ticks()
        for ticks in range(12):
            scheduler.now += 65 * MINUTE
            self.calm_tick()
            if ticks >= 2 and not self.tables.page(MARKS, OUTBOX, "", "~", 1)[0]:
                return

    def _rough(self) -> None:
        self.scheduler.faults, self.rows.page = self.faults, self.page

    def _calm(self) -> None:
        self.scheduler.faults, self.rows.page = Faults(), 50

    def rough_ticks(self) -> None:
        """Ticks that overlap and fail, and others a little longer than a lease later."""
        scheduler = self.scheduler
        self._rough()
        for _ in range(2):
            for host in HOSTS:
                self.spawn(host, "tick", self.tick(host))
            scheduler.run()
            scheduler.now += 6 * MINUTE
        self._calm()
        scheduler.land(all_of_them=True)

    def calm_tick(self) -> None:
        """A tick alone, in no time."""
        self.scheduler.frozen = True
        self.spawn("A", "tick", self.tick("A"))
        self.scheduler.run()
        self.scheduler.frozen = False

    def pass_time(self) -> None:
        """The window slides over everything, with ticks that overlap and fail."""
        scheduler, window = self.scheduler, self.policy.time_window
        for _ in range(2):
            scheduler.now += int(self.random.random() * window / 2)
            self.rough_ticks()
            scheduler.now += 65 * MINUTE
            self.calm_tick()
            self.truth.check_verdicts(self)
        scheduler.now += window + 6 * HOUR
        self.calm_tick()
        scheduler.now += 65 * MINUTE
        self.calm_tick()
        self.truth.check_over(self)

    def expire(self) -> None:
        """Everything gets old; two hosts keep house at once, and requests fail."""
        scheduler = self.scheduler
        for days in (9, 91):
            scheduler.now += days * DAY
            self._rough()
            for host in HOSTS:
                self.spawn(host, "housekeep", self.housekeeper(host))
            scheduler.run()
            self._calm()
            scheduler.land(all_of_them=True)
            for _ in range(2):
                self.spawn("A", "housekeep", self.housekeeper("A"))
                scheduler.run()
        self.calm_tick()
        self.truth.check_expired()
