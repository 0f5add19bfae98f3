"""Many boxes at once, and what one costs."""
import os
import pathlib
import time

import harness
from harness import box_id, spec

HELD = 250  # more than the 200 keyrings that one user of the host may have


class Many(harness.BoxdTest):
    options = {"--max-boxes": str(HELD)}

    def test_250_boxes_are_held_at_once(self):
        names = sorted(box_id() for _ in range(HELD))
        begun = time.monotonic()
        numbers = [self.client.send("create", **spec(n)) for n in names]
        boxes = [harness.Box(self.client, *self.client.reply(number), name) for number, name in zip(numbers, names)]
        made = time.monotonic()
        self.assertEqual([b["box"] for b in self.client.list()], names)
        self.assertEqual(len({b.uid for b in boxes}), HELD)
        for box in boxes[:: HELD // 10]:
            self.assertEqual(box.do("thread"), "thread ok")
        self.assertEqual(self.refused("create", **spec(box_id())).code, "EAGAIN")
        listed = time.monotonic()
        for number in [self.client.send("destroy", box=n) for n in names]:
            self.client.reply(number)
        print(f"{HELD} boxes: made in {made - begun:.1f} s, removed in {time.monotonic() - listed:.1f} s")
        for box in boxes:
            box.close()
        self.assertEqual(self.boxd.left(), [])

    def cpu_ms(self):
        """CPU time of boxd and of the children it has waited for."""
        fields = pathlib.Path(f"/proc/{self.boxd.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return [sum(map(int, fields[i : i + 2])) * 1000 / os.sysconf("SC_CLK_TCK") for i in (11, 13)]

    def test_what_one_box_costs(self):
        create, destroy = [], []
        before = self.cpu_ms()
        for _ in range(30):
            name, begun = box_id(), time.monotonic()
            _, fds = self.client.reply(self.client.send("create", **spec(name)))
            made = time.monotonic()
            self.client.call("destroy", box=name)
            create.append(made - begun)
            destroy.append(time.monotonic() - made)
            os.close(fds[0])
        own, children = (after - b for after, b in zip(self.cpu_ms(), before))
        print(f"create {sorted(create)[15] * 1000:.1f} ms, destroy {sorted(destroy)[15] * 1000:.1f} ms (medians of 30); CPU for "
              f"one box: boxd {own / 30:.1f} ms, runtime {children / 30:.1f} ms; load {os.getloadavg()[0]:.1f}")
        self.assertLess(sorted(create)[15], 5)


if __name__ == "__main__":
    harness.main()
