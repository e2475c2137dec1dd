import { type EChartsOption, init } from 'echarts';
import { BYTES_PER_MB, type SoakResult, slopeText } from './result.js';
import type { Sample } from './samples.js';
import type { Slope } from './slope.js';

const WIDTH = 860;
const HEIGHT = 460;
// Greys and hues in the middle of the scale: as readable on white as on nearly black.
const TEXT = '#7d8590';
const GRID = 'rgba(128, 128, 128, 0.25)';
const SHADE = 'rgba(128, 128, 128, 0.12)';
const RSS = '#d9730d';
const HEAP = '#2f81f7';

/** Heap and memory of the process over time as SVG, with the lines through what came after the warm-up. */
export function chart(result: SoakResult): string {
  const picture = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  picture.setOption(optionsOf(result));
  const svg = picture.renderToSVGString();
  picture.dispose();
  return svg;
}

function optionsOf(result: SoakResult): EChartsOption {
  const { samples, warmUpSeconds, heapSlope, rssSlope } = result;
  const end = Math.max(...samples.map(({ seconds }) => seconds)) / 60;
  const panel = (at: number, name: string, slope: Slope, color: string, bytesOf: (sample: Sample) => number) => [
    {
      type: 'line' as const,
      name,
      xAxisIndex: at,
      yAxisIndex: at,
      showSymbol: false,
      lineStyle: { color, width: 1.5 },
      data: samples.map((sample) => [sample.seconds / 60, bytesOf(sample) / BYTES_PER_MB]),
      markArea: {
        silent: true,
        itemStyle: { color: SHADE },
        label: { color: TEXT, position: 'insideBottom' as const },
        data: [[{ name: 'warm-up', xAxis: 0 }, { xAxis: warmUpSeconds / 60 }]] as [object, object][],
      },
    },
    {
      type: 'line' as const,
      name: `${name}, slope`,
      xAxisIndex: at,
      yAxisIndex: at,
      showSymbol: false,
      lineStyle: { color, width: 2, type: 'dashed' as const },
      data: [warmUpSeconds / 60, end].map((minutes) => [minutes, slope.atZero + (slope.perUnit * minutes) / 60]),
    },
  ];
  const title = (top: number, text: string) => ({
    text,
    top,
    left: 56,
    textStyle: { color: TEXT, fontSize: 13, fontWeight: 'normal' as const },
  });
  const axisX = (at: number) => ({
    gridIndex: at,
    type: 'value' as const,
    min: 0,
    max: end,
    name: at === 1 ? 'minutes' : '',
    nameLocation: 'middle' as const,
    nameGap: 26,
    nameTextStyle: { color: TEXT },
    axisLabel: { color: TEXT, formatter: (minutes: number) => (Number.isInteger(minutes) ? String(minutes) : '') },
    axisLine: { lineStyle: { color: TEXT } },
    splitLine: { show: false },
  });
  const axisY = (at: number) => ({
    gridIndex: at,
    type: 'value' as const,
    min: 0,
    splitNumber: 4,
    axisLabel: { color: TEXT, formatter: '{value} MB' },
    splitLine: { lineStyle: { color: GRID } },
  });
  return {
    animation: false,
    backgroundColor: 'transparent',
    title: [
      title(8, `Process (RSS): ${slopeText(rssSlope)}`),
      title(226, `Heap of the host, collected: ${slopeText(heapSlope)}`),
    ],
    grid: [
      { top: 36, height: 160, left: 64, right: 20 },
      { top: 254, height: 160, left: 64, right: 20 },
    ],
    xAxis: [axisX(0), axisX(1)],
    yAxis: [axisY(0), axisY(1)],
    series: [
      ...panel(0, 'RSS', rssSlope, RSS, ({ rssBytes }) => rssBytes),
      ...panel(1, 'heap', heapSlope, HEAP, ({ heapBytes }) => heapBytes),
    ],
  };
}
