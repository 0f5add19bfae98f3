// In the bar above: what Run and F5 mean, and a menu to choose it from.
import { ChevronDown, Pin } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { chooseConfig, useSetups, whatRuns } from "../store/setups";
import { useTabs } from "../store/tabs";
import { openDialog } from "../store/ui";
import { t } from "../strings";

const ACTIVE = "";

export function RunWhat() {
  const active = useTabs((s) => s.activeFile);
  const setups = useSetups();
  const { path, config } = whatRuns(active, setups);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <button type="button" className="run-what" aria-label={t.runConfig.choose(config?.name ?? path)} title={config ? t.runConfig.pinned(config.name, config.entry) : t.runConfig.whichHint}>
          {config && <Pin size={13} aria-hidden />}
          <span>{config?.name ?? path ?? t.runConfig.none}</span>
          <ChevronDown size={13} aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end">
          <DropdownMenu.RadioGroup value={config?.id ?? ACTIVE} onValueChange={(id) => chooseConfig(id === ACTIVE ? null : id)}>
            <DropdownMenu.RadioItem value={ACTIVE} className="menu-item pick">
              {t.runConfig.active(active)}
            </DropdownMenu.RadioItem>
            {setups.configs.map((c) => (
              <DropdownMenu.RadioItem key={c.id} value={c.id} className="menu-item pick">
                {c.name} <kbd>{c.entry}</kbd>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => setTimeout(() => openDialog("runConfig"), 0)}>
            {t.runConfig.edit}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
