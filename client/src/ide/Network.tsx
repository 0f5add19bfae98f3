// The network of the session, in the bar above: a switch for the programs that are started from now on, and, while it is
// of use, a list of who listens, each with a link to it.
import { ChevronDown, ExternalLink, Wifi, WifiOff } from "lucide-react";
import { Popover } from "radix-ui";
import { networkName, portUrl, switchNetwork, useNetwork } from "../store/network";
import { toast } from "../store/ui";
import { t } from "../strings";

export function toggleNetwork(): void {
  const { on, programs } = useNetwork.getState();
  switchNetwork(!on);
  toast(on ? t.network.nowOff(programs) : t.network.nowOn);
}

export function Network() {
  const { on, programs, ports } = useNetwork();
  return (
    <div className="network" role="group" aria-label={t.network.title}>
      <button type="button" className="icon" aria-pressed={on} aria-label={t.network.title} title={on ? t.network.isOn : t.network.isOff} onClick={toggleNetwork}>
        {on ? <Wifi size={18} aria-hidden className="good" /> : <WifiOff size={18} aria-hidden />}
      </button>
      {(on || programs > 0) && (
        <Popover.Root>
          <Popover.Trigger className="small" title={t.network.show}>
            {t.network.ports(ports.length)} <ChevronDown size={13} aria-hidden />
          </Popover.Trigger>
          <Popover.Portal>
            <Popover.Content className="menu network-list" align="end" collisionPadding={8} aria-label={t.network.title}>
              <p>
                <strong>{networkName()}</strong>
              </p>
              <p className="hint">{on ? t.network.isOn : t.network.isOff}</p>
              {ports.length === 0 ? (
                <p className="hint">{t.network.nobody(programs)}</p>
              ) : (
                <ul>
                  {ports.map(({ port, console, kernel_id }) => (
                    <li key={port}>
                      <code>{port}</code> <span className="who">{console ?? (kernel_id ? t.network.kernel : "")}</span>
                      <a href={portUrl(port)} target="_blank" rel="noopener noreferrer" aria-label={t.network.openPort(port)}>
                        {t.network.open} <ExternalLink size={13} aria-hidden />
                      </a>
                    </li>
                  ))}
                </ul>
              )}
            </Popover.Content>
          </Popover.Portal>
        </Popover.Root>
      )}
    </div>
  );
}
